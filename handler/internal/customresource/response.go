package customresource

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/cfn"
)

// Limits of a response, from
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
const (
	maxResponse   = 4096
	maxPhysicalID = 1024
)

// A verdict is the answer to one request. It is made once: every delivery of it
// sends the same bytes.
type verdict struct {
	status     cfn.StatusType
	physicalID string
	// reason is the whole one; the body's may have been cut.
	reason string
	body   []byte
}

// conclude makes the verdict of what the work came to. Attributes that do not
// fit make it FAILED, under the same physical id, so that CloudFormation
// removes what was made. It fails only if the event's own ids leave no room.
func conclude(event cfn.Event, physicalID string, o outcome, logs string) (verdict, error) {
	resp := cfn.Response{
		Status:             cfn.StatusSuccess,
		RequestID:          event.RequestID,
		LogicalResourceID:  event.LogicalResourceID,
		StackID:            event.StackID,
		PhysicalResourceID: head(physicalID, maxPhysicalID),
		Data:               o.data,
	}
	v := verdict{status: cfn.StatusSuccess, physicalID: resp.PhysicalResourceID}
	err := o.err
	if err == nil {
		if v.body, err = encodeWhole(resp); err == nil {
			return v, nil
		}
	}
	// A FAILED without a Reason is not valid.
	v.status, v.reason = cfn.StatusFailed, cmp.Or(err.Error(), "no reason was given")
	resp.Status, resp.Data = cfn.StatusFailed, nil
	v.body, err = encodeCut(resp, v.reason, logs)
	return v, err
}

// encodeWhole encodes a response of which nothing may be cut.
func encodeWhole(resp cfn.Response) ([]byte, error) {
	body, err := encode(resp)
	if err != nil {
		return nil, fmt.Errorf("encode the resource's attributes: %w", err)
	}
	if len(body) > maxResponse {
		return nil, fmt.Errorf("the resource's attributes make a response of %d bytes, CloudFormation takes %d",
			len(body), maxResponse)
	}
	return body, nil
}

// encodeCut encodes a response with as much of the reason's head as fits before
// the pointer to the logs.
func encodeCut(resp cfn.Response, reason, logs string) ([]byte, error) {
	reason = strings.ToValidUTF8(reason, "\uFFFD")
	resp.Reason = reason + logs
	body, err := encode(resp)
	if err != nil || len(body) <= maxResponse {
		return body, err
	}
	// JSON's escapes make it hard to foretell how long a head becomes, but a
	// longer head never becomes shorter.
	tooLong := sort.Search(min(len(reason), maxResponse)+1, func(n int) bool {
		resp.Reason = head(reason, n) + "…" + logs
		attempt, err := encode(resp)
		if err != nil || len(attempt) > maxResponse {
			return true
		}
		body = attempt
		return false
	})
	if tooLong == 0 {
		return nil, errors.New("the event's ids are too long for any response")
	}
	return body, nil
}

// encode is json.Marshal without HTML's escapes, which would only cost bytes.
func encode(resp cfn.Response) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(resp); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// head returns the first n bytes of s, less the part of a rune at their end.
func head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
