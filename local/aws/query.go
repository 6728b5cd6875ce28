package aws

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// A Handler is a service of the query protocol that lives outside this package.
type Handler interface {
	// Resource returns the ARN that a request is authorized on; an error that is
	// an [*Error] is the answer.
	Resource(r Request) (arn string, err error)
	// Serve returns the result, as a value that encoding/xml marshals; its
	// element's name is given to it. It is not called if the request is denied.
	Serve(r Request) (result any, err error)
}

// A Request is what a [Handler] gets.
type Request struct {
	// Op is the operation, such as "DescribeStacks".
	Op string
	// Account of the caller, and the region that is called.
	Account, Region string
	Params          url.Values
}

// A place is where a service that is not the cloud's own is served: by its name
// in signatures, for one account's callers and in one region.
type place struct{ service, account, region string }

// Handle lets h serve a service for the callers of an account, in a region.
func (c *Cloud) Handle(service, account, region string, h Handler) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.services[place{service, account, region}] = h
}

// nameQuery names the operation of the query protocol that a call is for.
// https://docs.aws.amazon.com/IAM/latest/APIReference/MakingRequests.html
func (c *Cloud) nameQuery(k *call) {
	form, err := url.ParseQuery(string(k.body))
	if err != nil {
		form = url.Values{"Action": {err.Error()}}
	}
	k.Op, k.Params = k.Service+":"+form.Get("Action"), form
	form.Del("Action")
	form.Del("Version")
	switch k.Service {
	case "iam":
		k.Resource = form.Get("PolicyArn")
		if form.Has("RoleName") {
			k.Resource = c.named(k).ARN()
		}
	case "sts":
		k.Resource = form.Get("RoleArn")
	}
}

func (k *call) op() string { return strings.TrimPrefix(k.Op, k.Service+":") }

// known refuses a parameter that the desk would ignore. A list's name stands
// for its members'.
func (k *call) known(params string) error {
	for param := range k.Params {
		name, _, _ := strings.Cut(param, ".")
		if !strings.Contains(" "+params+" ", " "+name+" ") {
			return NotImplemented("%s of %s", param, k.Op)
		}
	}
	return nil
}

// list returns the members of a list of strings, or of one field of structures.
func (k *call) list(name, field string) []string {
	var values []string
	for i := 1; ; i++ {
		param := name + ".member." + strconv.Itoa(i)
		if field != "" {
			param += "." + field
		}
		if !k.Params.Has(param) {
			return values
		}
		values = append(values, k.Params.Get(param))
	}
}

// foreign lets a foreign service serve a call. The caller holds the cloud's lock;
// the service runs without it, as it may take it.
func (c *Cloud) foreign(k *call, h Handler) (*reply, error) {
	r := Request{Op: k.op(), Account: k.caller.Account, Region: k.Region, Params: k.Params}
	arn, err := c.unlocked(func() (any, error) { return h.Resource(r) })
	if err != nil {
		return nil, err
	}
	k.Resource = arn.(string)
	account, _ := splitARN(k.Resource)
	if err := c.allow(k, request{Action: k.Op, Resource: k.Resource, ResourceAccount: account}); err != nil {
		return nil, err
	}
	return k.queryReply(c.unlocked(func() (any, error) { return h.Serve(r) }))
}

func (c *Cloud) unlocked(f func() (any, error)) (any, error) {
	c.mu.Unlock()
	defer c.mu.Lock()
	return f()
}

// A queryResponse wraps the result of an operation of the query protocol.
type queryResponse struct {
	XMLName xml.Name
	Result  result
}

// A result gives its value the name that the operation's result has.
type result struct {
	name  string
	value any
}

// MarshalXML implements [xml.Marshaler].
func (r result) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	if r.value == nil {
		r.value = struct{}{}
	}
	return e.EncodeElement(r.value, xml.StartElement{Name: xml.Name{Local: r.name}})
}

func (k *call) queryReply(value any, err error) (*reply, error) {
	if err != nil {
		return nil, err
	}
	op := k.op()
	return xmlReply(http.StatusOK, queryResponse{xml.Name{Local: op + "Response"}, result{op + "Result", value}})
}

func xmlReply(status int, value any) (*reply, error) {
	body, err := xml.Marshal(value)
	if err != nil {
		return nil, err
	}
	return &reply{status, http.Header{"Content-Type": {"text/xml"}}, append([]byte(xml.Header), body...)}, nil
}

// jsonReply answers the services that take a target header.
func jsonReply(status int, value any) (*reply, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return &reply{status, http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, body}, nil
}

func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return NotImplemented("%v", err)
}

// xmlError is an error of S3; the query protocol wraps it.
type xmlError struct {
	XMLName       xml.Name `xml:"Error"`
	Type          string   `xml:",omitempty"`
	Code, Message string
}

// reply renders an error as the called service does.
func (e *Error) reply(k *call) *reply {
	status := e.Status
	if status == 0 {
		status = http.StatusBadRequest
	}
	if e.body != "" {
		return &reply{status, http.Header{"Content-Type": {"text/xml"}}, []byte(e.body)}
	}
	var value any = struct {
		XMLName xml.Name `xml:"ErrorResponse"`
		Error   xmlError
	}{Error: xmlError{Type: "Sender", Code: e.Code, Message: e.Message}}
	if k.Service == "s3" {
		value = xmlError{Code: e.Code, Message: e.Message}
	}
	answer, err := xmlReply(status, value)
	if k.http.Header.Get("X-Amz-Target") != "" {
		answer, err = jsonReply(status, map[string]string{"__type": e.Code, "message": e.Message})
	}
	if err != nil {
		panic(err) // strings always marshal
	}
	maps.Copy(answer.header, e.header)
	return answer
}
