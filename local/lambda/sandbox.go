package lambda

import (
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A sandbox is an execution environment, which serves one request at a time.
type sandbox interface {
	// serve hands the request over, and waits for the answer, the deadline or the
	// sandbox' end. taken says whether the function ever got the request.
	serve(r *request) (a Attempt, taken bool)
	// kill ends the sandbox, which is gone when the channel of gone is closed: then
	// it makes no call, and prints nothing.
	kill()
	gone() <-chan struct{}
}

func ended(s sandbox) bool {
	select {
	case <-s.gone():
		return true
	default:
		return false
	}
}

// A request is an event on its way through one sandbox.
type request struct {
	id       string
	event    []byte
	timeout  time.Duration
	answered chan string // gets the error, or an empty string for a success
}

func (r *request) timedOut() Attempt {
	return Attempt{TimedOut: true, Err: fmt.Sprintf("Sandbox.Timedout: RequestId: %s Error: Task timed out after %.2f seconds",
		r.id, r.timeout.Seconds())}
}

// exited is the error of a request whose function ended without an answer.
func (r *request) exited(reason string) string {
	return fmt.Sprintf("Runtime.ExitError: RequestId: %s Error: Runtime exited with error: %s", r.id, reason)
}

// launch starts a sandbox. The caller holds f.mu.
func (f *Function) launch() (sandbox, error) {
	if f.cfg.Program != nil {
		return f.startProgram(), nil
	}
	return f.startProcess()
}

// Environment returns what the function's next sandbox finds in its environment, for
// something else that runs the function.
func (f *Function) Environment() map[string]string { return f.config().environment() }

// environment is what Lambda sets, and then Env:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.
func (c Config) environment() map[string]string {
	name := c.FunctionARN[strings.LastIndex(c.FunctionARN, ":")+1:]
	env := map[string]string{
		"_HANDLER":                        "bootstrap",
		"AWS_LAMBDA_FUNCTION_NAME":        name,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(c.MemorySize),
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_FORMAT":           "JSON",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      time.Now().UTC().Format("2006/01/02/[$LATEST]") + c.IDs.Hex("log stream")[:32],
		"LAMBDA_TASK_ROOT":                filepath.Dir(c.Binary),
		"LANG":                            "en_US.UTF-8",
		"PATH":                            "/usr/local/bin:/usr/bin:/bin",
		"TZ":                              ":UTC",
	}
	if part := strings.Split(c.FunctionARN, ":"); len(part) > 3 {
		env["AWS_REGION"], env["AWS_DEFAULT_REGION"] = part[3], part[3]
	}
	maps.Copy(env, c.Env)
	return env
}
