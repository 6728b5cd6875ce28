package output

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

const (
	outputs = "/analytics/outputs/s3-role-based"
	// pageSize is the most that a page of a list has.
	pageSize = 100
)

// An output is Bitmovin's resource of that name.
// https://github.com/bitmovin/bitmovin-api-sdk-go/blob/main/model/analytics_s3_role_based_output.go
type output struct {
	ID               string          `json:"id,omitempty"`
	CreatedAt        string          `json:"createdAt,omitempty"`
	Type             string          `json:"type"`
	Name             string          `json:"name"`
	Description      string          `json:"description,omitempty"`
	CustomData       json.RawMessage `json:"customData,omitempty"`
	BucketName       string          `json:"bucketName"`
	RoleARN          string          `json:"roleArn"`
	ExternalID       string          `json:"externalId,omitempty"`
	ExternalIDMode   string          `json:"externalIdMode,omitempty"`
	CloudRegion      string          `json:"cloudRegion,omitempty"`
	SignatureVersion string          `json:"signatureVersion,omitempty"`
	MD5MetaTag       string          `json:"md5MetaTag,omitempty"`
}

// named returns the outputs of that name, with their custom data.
func (c *client) named(ctx context.Context, name string) ([]*output, error) {
	var found []*output
	for offset := 0; ; {
		var page struct {
			TotalCount int       `json:"totalCount"`
			Items      []*output `json:"items"`
		}
		query := url.Values{"name": {name}, "offset": {strconv.Itoa(offset)}, "limit": {strconv.Itoa(pageSize)}}
		if err := c.call(ctx, http.MethodGet, outputs+"?"+query.Encode(), &page); err != nil {
			return nil, fmt.Errorf("list outputs: %w", err)
		}
		for _, o := range page.Items {
			if o.Name == name {
				found = append(found, o)
			}
		}
		if offset += len(page.Items); len(page.Items) == 0 || offset >= page.TotalCount {
			break
		}
	}
	whole := found[:0]
	for _, o := range found {
		o, err := c.complete(ctx, o)
		if err != nil {
			return nil, err
		}
		if o != nil {
			whole = append(whole, o)
		}
	}
	return whole, nil
}

// complete reads an output by its id if the list has left out whose it is; nil
// if it is gone by now.
func (c *client) complete(ctx context.Context, o *output) (*output, error) {
	if hasData(o.CustomData) {
		return o, nil
	}
	return c.get(ctx, o.ID)
}

// get returns the output with its custom data; nil if there is none.
func (c *client) get(ctx context.Context, id string) (*output, error) {
	var o output
	path := outputs + "/" + url.PathEscape(id)
	err := c.call(ctx, http.MethodGet, path, &o)
	if hasStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	if err == nil && !hasData(o.CustomData) {
		err = c.call(ctx, http.MethodGet, path+"/customData", &o)
		if hasStatus(err, http.StatusNotFound) {
			err = nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("get output %s: %w", id, err)
	}
	o.ID = id
	return &o, nil
}

// errLost is a create of which it is not known whether it had its effect.
var errLost = errors.New("whether the output was registered is not known")

// create registers an output, by one call: it is not idempotent. An answer that
// is lost or not understood is [errLost].
func (c *client) create(ctx context.Context, o output) (*output, error) {
	limited := func(err error) bool { return hasStatus(err, http.StatusTooManyRequests) }
	var made output
	err := retry(ctx, c.pauses, limited, func() error { return c.try(ctx, http.MethodPost, outputs, o, &made) })
	switch {
	case err == nil && made.ID == "":
		return nil, fmt.Errorf("register output: %w: the answer names no id", errLost)
	case err == nil:
		return &made, nil
	case (passes(err) || errors.Is(err, errUnreadable)) && !limited(err):
		return nil, fmt.Errorf("register output: %w: %w", errLost, err)
	}
	return nil, fmt.Errorf("register output: %w", err)
}

// delete deletes an output. One that is gone is deleted.
func (c *client) delete(ctx context.Context, id string) error {
	err := c.call(ctx, http.MethodDelete, outputs+"/"+url.PathEscape(id), nil)
	if err == nil || hasStatus(err, http.StatusNotFound) {
		return nil
	}
	return fmt.Errorf("delete output %s: %w", id, err)
}

// hasData reports whether there is any custom data.
func hasData(customData json.RawMessage) bool {
	return len(customData) > 0 && string(customData) != "null" && string(customData) != "{}"
}
