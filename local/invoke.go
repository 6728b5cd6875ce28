package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/bitmovin"
	"github.com/bitmovin/bitmovin-export-access/local/console"
	"github.com/bitmovin/bitmovin-export-access/local/lambda"
)

// invoke sends the event in a file to the function, and prints its verdict, the
// roles and outputs that there are then, and what it logged. The verdict must be SUCCESS, or
// FAILED if the file's name begins with "invalid".
func invoke(ctx context.Context, p parts, file string, c *console.Console) error {
	e, err := readEvent(file)
	if err != nil {
		return err
	}
	stack, err := arn.Parse(e.text("StackId"))
	if err != nil {
		return fmt.Errorf("read the StackId of %s: %w", file, err)
	}
	d := newDesk(p, aws.Options{}, stack.AccountID, stack.Region, randomIDs, nil)
	defer d.close()
	f, err := d.provide(ctx, e)
	if err != nil {
		return err
	}
	if err := d.prepare(ctx, f, e); err != nil {
		return err
	}
	logged := len(f.Logs())
	verdict, err := d.send(ctx, f, e)
	if err != nil {
		return err
	}
	c.Heading("Verdict")
	c.Text(0, string(verdict))
	d.cloud.View(func(s *aws.State) { showRoles(c, s) })
	d.api.View(func(s *bitmovin.State) { showRegistered(c, s) })
	c.Heading("Log")
	c.Verbatim(f.Logs()[logged:])
	if err := d.unknown(); err != nil {
		return err
	}
	if strings.HasPrefix(filepath.Base(file), "invalid") {
		return expect(verdict, cfn.StatusFailed)
	}
	return expect(verdict, cfn.StatusSuccess)
}

// provide deploys the template as a provider, which may read the secret of the
// event, and returns its function.
func (d *desk) provide(ctx context.Context, e event) (*lambda.Function, error) {
	secret := e.properties("ResourceProperties").text("ApiKeySecretArn")
	if secret != "" {
		d.addSecret(secret)
	}
	stack, err := d.stacks.Deploy(ctx, "bitmovin-export", d.template, map[string]string{
		"BucketName": "", "RoleNamePrefix": "bitmovin-export-", "BitmovinApiKeySecretArn": secret,
	})
	if err != nil {
		return nil, fmt.Errorf("deploy the provider: %w", err)
	}
	return d.stacks.Function(stack.Outputs["ServiceToken"]), nil
}

// prepare makes what the event presupposes: the bucket, and for an Update or a
// Delete what the Create before it made.
func (d *desk) prepare(ctx context.Context, f *lambda.Function, e event) error {
	properties := e.properties("ResourceProperties")
	if bucket := properties.text("BucketName"); bucket != "" {
		d.addBucket(bucket, properties.text("BucketOwner"))
	}
	if e.text("RequestType") == string(cfn.RequestCreate) {
		return nil
	}
	verdict, err := d.send(ctx, f, e.origin())
	if err == nil {
		err = expect(verdict, cfn.StatusSuccess)
	}
	if err != nil {
		return fmt.Errorf("create what the event is about: %w", err)
	}
	d.api.Edit(func(s *bitmovin.State) {
		for _, o := range s.Outputs {
			o.ID = e.text("PhysicalResourceId") // Bitmovin gave it another
		}
	})
	return nil
}

// An event is what CloudFormation sends. It stays as loose as it comes, for the
// function to judge.
type event map[string]any

func readEvent(file string) (event, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	var e event
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, fmt.Errorf("decode the event %s: %w", file, err)
	}
	return e, nil
}

func (e event) text(field string) string {
	text, _ := e[field].(string)
	return text
}

func (e event) properties(field string) event {
	p, _ := e[field].(map[string]any)
	return p
}

// origin returns the Create of what an Update or a Delete is about.
func (e event) origin() event {
	o := maps.Clone(e)
	o["RequestType"], o["RequestId"] = string(cfn.RequestCreate), "before-"+e.text("RequestId")
	if old := e.properties("OldResourceProperties"); old != nil {
		o["ResourceProperties"] = old
	}
	delete(o, "OldResourceProperties")
	delete(o, "PhysicalResourceId")
	return o
}

// send sends an event whose verdict comes to the desk, and returns it.
func (d *desk) send(ctx context.Context, f *lambda.Function, e event) (json.RawMessage, error) {
	return d.deliver(ctx, e, func(body []byte) error {
		stop := context.AfterFunc(ctx, f.Close)
		defer stop()
		attempts := f.Invoke(body).Wait() //nolint:contextcheck // asynchronous, as CloudFormation's
		if len(attempts) == 0 || attempts[len(attempts)-1].Err != "" {
			return fmt.Errorf("invoke the function: %+v", attempts)
		}
		return nil
	})
}

// deliver has an event whose verdict comes to the desk invoke the function, and returns
// the verdict.
func (d *desk) deliver(ctx context.Context, e event, invoke func(body []byte) error) (json.RawMessage, error) {
	inbox, id := d.stacks.Inbox(), e.text("RequestId")
	e = maps.Clone(e)
	e["ResponseURL"] = inbox.URL(id)
	body, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode the event: %w", err)
	}
	if err := invoke(body); err != nil {
		return nil, err
	}
	return inbox.Wait(ctx, id)
}

// expect returns an error if a verdict is another than wanted.
func expect(verdict json.RawMessage, want cfn.StatusType) error {
	var r cfn.Response
	if err := json.Unmarshal(verdict, &r); err != nil {
		return fmt.Errorf("decode the verdict: %w", err)
	}
	if r.Status != want {
		return fmt.Errorf("the verdict is %s, not %s: %q", r.Status, want, r.Reason)
	}
	return nil
}
