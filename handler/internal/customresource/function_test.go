package customresource

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/jitter"
)

const (
	testType     = "Custom::Thing"
	testStack    = "arn:aws:cloudformation:eu-west-1:111122223333:stack/exports/5f3a1c2e-0000-11ee-be56-0242ac120002"
	testFunction = "arn:aws:lambda:eu-west-1:111122223333:function:provider"
	testPath     = "/arn%3Aaws%3Acloudformation%3Aeu-west-1%3A111122223333%3Astack/exports/5f3a%7CThing%7Cc0ffee"
	testQuery    = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=7200&X-Amz-Credential=AKIDEXAMPLE%2F20260101%2Feu-west-1" +
		"&X-Amz-Security-Token=IQoJb3JpZ2lu%2Fsession%2Btoken&X-Amz-Signature=0123456789abcdef0123456789abcdef"
)

// testEvent returns a valid event of the given type.
func testEvent(requestType cfn.RequestType) cfn.Event {
	event := cfn.Event{
		RequestType:        requestType,
		RequestID:          "c0ffee",
		ResponseURL:        "http://127.0.0.1" + testPath + "?" + testQuery,
		ResourceType:       testType,
		LogicalResourceID:  "Thing",
		StackID:            testStack,
		ResourceProperties: map[string]any{"BucketName": "exports"},
	}
	if requestType != cfn.RequestCreate {
		event.PhysicalResourceID = "thing-1"
	}
	return event
}

// A put is one attempt to deliver a verdict.
type put struct {
	uri    string
	header http.Header
	length int64
	close  bool
	body   string
}

// A bench is a Function with one handler, in a synctest bubble, and the bucket
// that takes its verdicts. Time passes only when everything waits.
type bench struct {
	*Function
	logged *bytes.Buffer

	serving sync.WaitGroup
	mu      sync.Mutex
	puts    []put
	// answer is how the bucket answers the n-th PUT; nil answers 200.
	answer func(n int, w http.ResponseWriter, r *http.Request)
}

func newBench(t *testing.T, h Handler) *bench {
	t.Helper()
	b := &bench{logged: new(bytes.Buffer)}
	conns := make(pipes)
	b.Function = New(map[string]Handler{testType: h}, Options{
		Log: slog.New(slog.NewJSONHandler(b.logged, nil)), Transport: &http.Transport{DialContext: conns.dial}, Pauses: jitter.New(""),
	})
	server := &http.Server{Handler: b}
	go func() { _ = server.Serve(conns) }()
	t.Cleanup(func() {
		_ = server.Close()
		b.serving.Wait()
	})
	return b
}

func (b *bench) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.serving.Add(1)
	defer b.serving.Done()
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	b.puts = append(b.puts, put{r.RequestURI, r.Header, r.ContentLength, r.Close, string(body)})
	n := len(b.puts)
	b.mu.Unlock()
	if b.answer != nil {
		b.answer(n, w, r)
	}
}

// invoke runs the function as Lambda does, with so much time.
func (b *bench) invoke(event any, left time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), left)
	defer cancel()
	return b.invokeIn(ctx, event)
}

// invokeIn takes an event as a value or as JSON.
func (b *bench) invokeIn(ctx context.Context, event any) error {
	raw, ok := event.(string)
	if !ok {
		encoded, err := json.Marshal(event)
		if err != nil {
			return err
		}
		raw = string(encoded)
	}
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{InvokedFunctionArn: testFunction})
	return b.Invoke(ctx, json.RawMessage(raw))
}

// sent returns what has arrived.
func (b *bench) sent() []put {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.puts)
}

// verdict returns the only verdict that arrived.
func (b *bench) verdict(t *testing.T) cfn.Response {
	t.Helper()
	puts := b.sent()
	if len(puts) != 1 {
		t.Fatalf("got %d verdicts, want 1", len(puts))
	}
	var resp cfn.Response
	if err := json.Unmarshal([]byte(puts[0].body), &resp); err != nil {
		t.Fatalf("the verdict is not JSON: %v", err)
	}
	return resp
}

// pipes is a listener in memory: synctest's clock stands still for sockets.
type pipes chan net.Conn

func (p pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func TestInvoke(t *testing.T) {
	t.Parallel()
	made := func(_ context.Context, r *Request) (map[string]any, error) {
		r.Report("thing-2")
		return map[string]any{"RoleArn": "arn:aws:iam::111122223333:role/thing-2"}, nil
	}
	failed := func(context.Context, *Request) (map[string]any, error) {
		return map[string]any{"dropped": true}, errors.New(`create role "thing-2": denied`)
	}
	failedHalfway := func(ctx context.Context, r *Request) (map[string]any, error) {
		r.Report("thing-2")
		r.Report("thing-3")
		return failed(ctx, r)
	}
	with := func(requestType cfn.RequestType, change func(*cfn.Event)) cfn.Event {
		event := testEvent(requestType)
		change(&event)
		return event
	}
	tests := []struct {
		name    string
		event   any
		handler Handler // nil must not be called
		status  cfn.StatusType
		id      string
		reason  string // a part of it
		data    map[string]any
	}{
		{"created", testEvent("Create"), made, "SUCCESS", "thing-2", "", map[string]any{"RoleArn": "arn:aws:iam::111122223333:role/thing-2"}},
		{"updated in place", testEvent("Update"), func(context.Context, *Request) (map[string]any, error) { return nil, nil }, "SUCCESS", "thing-1", "", nil},
		{"replaced", testEvent("Update"), made, "SUCCESS", "thing-2", "", map[string]any{"RoleArn": "arn:aws:iam::111122223333:role/thing-2"}},
		{"create failed before anything was made", testEvent("Create"), failed, "FAILED", "Thing-not-created", `create role "thing-2": denied`, nil},
		{"create failed halfway", testEvent("Create"), failedHalfway, "FAILED", "thing-3", "denied", nil},
		{"update failed", testEvent("Update"), failed, "FAILED", "thing-1", "denied", nil},
		{"delete failed", testEvent("Delete"), failed, "FAILED", "thing-1", "denied", nil},
		{"an error without a text", testEvent("Delete"), func(context.Context, *Request) (map[string]any, error) { return nil, errors.New("") }, "FAILED", "thing-1", "no reason was given (more in log group group, stream stream)", nil},
		{"attributes that JSON cannot tell", testEvent("Create"), func(_ context.Context, r *Request) (map[string]any, error) {
			r.Report("thing-2")
			return map[string]any{"F": func() {}}, nil
		}, "FAILED", "thing-2", "encode the resource's attributes", nil},
		{"attributes that do not fit", testEvent("Create"), func(_ context.Context, r *Request) (map[string]any, error) {
			r.Report("thing-2")
			return map[string]any{"Checks": strings.Repeat("x", 4096)}, nil
		}, "FAILED", "thing-2", "CloudFormation takes 4096", nil},

		{"create of an unknown type", with("Create", func(e *cfn.Event) { e.ResourceType = "Custom::Other" }), nil, "FAILED", "Thing-not-created", `unknown resource type "Custom::Other": this function provides Custom::Thing`, nil},
		{"update of an unknown type", with("Update", func(e *cfn.Event) { e.ResourceType = "" }), nil, "FAILED", "thing-1", "unknown resource type", nil},
		{"delete of an unknown type", with("Delete", func(e *cfn.Event) { e.ResourceType = "Custom::Other" }), nil, "SUCCESS", "thing-1", "", nil},

		{"unknown request type", with("Bogus", func(*cfn.Event) {}), nil, "FAILED", "thing-1", `unknown RequestType "Bogus"`, nil},
		{"no request type", with("", func(*cfn.Event) {}), nil, "FAILED", "thing-1", "no RequestType", nil},
		{"no request id", with("Create", func(e *cfn.Event) { e.RequestID = "" }), nil, "FAILED", "Thing-not-created", "no RequestId", nil},
		{"no logical id, no stack", with("Create", func(e *cfn.Event) { e.LogicalResourceID, e.StackID = "", "" }), nil, "FAILED", "-not-created", "no StackId, LogicalResourceId", nil},
		{"update without an id", with("Update", func(e *cfn.Event) { e.PhysicalResourceID = "" }), nil, "FAILED", "Thing-not-created", "no PhysicalResourceId", nil},
		{"delete without an id", with("Delete", func(e *cfn.Event) { e.PhysicalResourceID = "" }), nil, "FAILED", "Thing-not-created", "no PhysicalResourceId", nil},
		{"a field of the wrong type", `{"RequestType": "Create", "ResourceProperties": [], "ResponseURL": "http://127.0.0.1/", "LogicalResourceId": "Thing"}`, nil, "FAILED", "Thing-not-created", "decode the event", nil},

		{"another account's stack", with("Create", func(e *cfn.Event) { e.StackID = strings.Replace(testStack, "111122223333", "444455556666", 1) }), nil, "FAILED", "Thing-not-created", `refused: the stack is of account "444455556666"`, nil},
		{"another account's delete", with("Delete", func(e *cfn.Event) { e.StackID = strings.Replace(testStack, "111122223333", "444455556666", 1) }), nil, "FAILED", "thing-1", "refused", nil},
		{"another region's stack", with("Create", func(e *cfn.Event) { e.StackID = strings.Replace(testStack, "eu-west-1", "eu-west-2", 1) }), nil, "FAILED", "Thing-not-created", "refused", nil},
		{"another partition's stack", with("Create", func(e *cfn.Event) { e.StackID = strings.Replace(testStack, "arn:aws:", "arn:aws-cn:", 1) }), nil, "FAILED", "Thing-not-created", "refused", nil},
		{"a stack id of another service", with("Create", func(e *cfn.Event) { e.StackID = strings.Replace(testStack, "cloudformation", "iam", 1) }), nil, "FAILED", "Thing-not-created", "is not the ARN of a stack", nil},
		{"another resource than a stack", with("Create", func(e *cfn.Event) { e.StackID = strings.Replace(testStack, "stack/", "changeSet/", 1) }), nil, "FAILED", "Thing-not-created", "is not the ARN of a stack", nil},
		{"a stack id that is no ARN", with("Create", func(e *cfn.Event) { e.StackID = "exports" }), nil, "FAILED", "Thing-not-created", "is not the ARN of a stack", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if test.handler == nil {
					test.handler = func(context.Context, *Request) (map[string]any, error) {
						t.Error("the handler was called")
						return nil, nil
					}
				}
				b := newBench(t, test.handler)
				b.logs = LogPointer("group", "stream")
				if err := b.invoke(test.event, time.Minute); err != nil {
					t.Fatalf("Invoke: %v", err)
				}
				got := b.verdict(t)
				if got.Status != test.status || got.PhysicalResourceID != test.id {
					t.Errorf("got %s %q, want %s %q", got.Status, got.PhysicalResourceID, test.status, test.id)
				}
				if !strings.Contains(got.Reason, test.reason) || (got.Reason == "") != (test.status == "SUCCESS") {
					t.Errorf("got the reason %q, want %q in it", got.Reason, test.reason)
				}
				if diff := cmp.Diff(test.data, got.Data); diff != "" {
					t.Errorf("data (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestInvokeEchoesTheIDs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(context.Context, *Request) (map[string]any, error) { return nil, nil })
		if err := b.invoke(testEvent("Delete"), time.Minute); err != nil {
			t.Fatal(err)
		}
		want := `{"Status":"SUCCESS","RequestId":"c0ffee","LogicalResourceId":"Thing","StackId":"` + testStack + `","PhysicalResourceId":"thing-1"}`
		if got := b.sent()[0].body; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func TestInvokeGivesTheHandlerItsRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		deadline := time.Now().Add(time.Minute)
		b := newBench(t, func(ctx context.Context, r *Request) (map[string]any, error) {
			want := testEvent("Update")
			want.ResponseURL = ""
			if diff := cmp.Diff(want, r.Event); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
			if r.AccountID != "111122223333" || r.Region != "eu-west-1" || r.Partition != "aws" {
				t.Errorf("got account %q, region %q, partition %q", r.AccountID, r.Region, r.Partition)
			}
			if !r.Deadline.Equal(deadline) {
				t.Errorf("got the deadline %v, want %v", r.Deadline, deadline)
			}
			r.Log.InfoContext(ctx, "from the handler")
			return nil, nil
		})
		if err := b.invoke(testEvent("Update"), time.Minute); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.logged.String()) {
			if !strings.Contains(line, `"request_type":"Update","resource_type":"Custom::Thing","logical_id":"Thing","stack":"`+testStack+`"`) {
				t.Errorf("a line of the log does not name its request: %s", line)
			}
		}
	})
}

func TestInvokeLogsStartAndVerdict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(_ context.Context, r *Request) (map[string]any, error) {
			r.Report("thing-2")
			time.Sleep(1500 * time.Millisecond)
			return nil, errors.New("denied")
		})
		if err := b.invoke(testEvent("Update"), time.Minute); err != nil {
			t.Fatal(err)
		}
		var got []map[string]any
		for line := range strings.Lines(b.logged.String()) {
			var record map[string]any
			if err := json.Unmarshal([]byte(line), &record); err != nil {
				t.Fatal(err)
			}
			delete(record, "time")
			got = append(got, record)
		}
		common := func(record map[string]any) map[string]any {
			record["request_type"], record["resource_type"] = "Update", testType
			record["logical_id"], record["stack"] = "Thing", testStack
			return record
		}
		want := []map[string]any{
			common(map[string]any{"level": "INFO", "msg": "request", "physical_id": "thing-1"}),
			common(map[string]any{"level": "ERROR", "msg": "verdict", "physical_id": "thing-2", "status": "FAILED", "reason": "denied", "duration": "1.5s"}),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}

func TestInvokeThatCannotAnswer(t *testing.T) {
	t.Parallel()
	to := func(url string) cfn.Event {
		event := testEvent("Create")
		event.ResponseURL = url
		return event
	}
	tooLong := testEvent("Create")
	tooLong.RequestID = strings.Repeat("x", 4096)
	tests := []struct {
		name  string
		event any
		want  string
	}{
		{"malformed", `{"RequestType": "Create", `, "decode the event"},
		{"not an object", `["Create"]`, "decode the event"},
		{"null", `null`, "no ResponseURL"},
		{"no ResponseURL", to(""), "no ResponseURL"},
		{"http to elsewhere", to("http://s3.example.com/?" + testQuery), "must be https"},
		{"http to a name", to("http://localhost.example.com/?" + testQuery), "must be https"},
		{"http to another address", to("http://192.0.2.1/?" + testQuery), "must be https"},
		{"another scheme", to("ftp://127.0.0.1/?" + testQuery), "must be https"},
		{"no host", to("https:///?" + testQuery), "must be https"},
		{"not a URL", to("https://%zz/?" + testQuery), "not a URL"},
		{"ids that no response can hold", tooLong, "too long for any response"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, func(context.Context, *Request) (map[string]any, error) { return nil, errors.New("x") })
				err := b.invoke(test.event, time.Minute)
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Fatalf("got the error %v, want %q in it", err, test.want)
				}
				if puts := b.sent(); len(puts) != 0 {
					t.Errorf("%d verdicts were sent, want none", len(puts))
				}
				if strings.Contains(err.Error()+b.logged.String(), "0123456789abcdef") {
					t.Errorf("the signature is told: %v\n%s", err, b.logged)
				}
			})
		})
	}
}
