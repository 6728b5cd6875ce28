package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/harness"
)

const (
	account       = harness.Account
	region        = harness.Region
	bucketName    = harness.BucketName
	stackName     = harness.StackName
	providerStack = harness.ProviderStack
	appStack      = harness.AppStack
	logicalID     = harness.LogicalID
	secretARN     = harness.SecretARN
	oldSecretARN  = harness.OldSecretARN
)

// What several suites have in the account.
const (
	keyARN              = "arn:aws:kms:" + region + ":" + account + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"
	otherAccount        = "444455556666"
	houseBoundary       = "arn:aws:iam::" + account + ":policy/house"
	administratorAccess = "arn:aws:iam::aws:policy/AdministratorAccess"
	// anything is a policy that allows everything, trustAccount a trust policy that
	// lets in the whole account.
	anything     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	trustAccount = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}]}`
)

type (
	options    = harness.Options
	properties = harness.Properties
	resources  = harness.Resources
	verdict    = harness.Verdict
)

var (
	// base are the properties of a resource whose role has a name, and replacing what
	// changes that.
	base      = properties{"BucketName": bucketName, "RoleName": "bitmovin-export-app", "ExternalId": "external-id-1"}
	replacing = properties{"RoleName": "bitmovin-export-app-2"}
	// exportsRole is the key of the role of base.
	exportsRole = aws.RoleKey(account, "bitmovin-export-app")
)

// An env is an account with this function, and what the suites here ask of it.
type env struct{ *harness.Env }

// newEnv returns an account in memory, for a test in a bubble.
func newEnv(tb testing.TB, o options) *env {
	tb.Helper()
	o.Program = program
	return &env{harness.New(tb, o)}
}

// newProviderEnv is newEnv with the provider deployed, which has the parameters, pairs of name
// and value.
func newProviderEnv(tb testing.TB, o options, parameters ...string) *env {
	tb.Helper()
	e := newEnv(tb, o)
	e.Provide(parameters...)
	return e
}

// program is the function as main wires it, but for where the environment, the log
// and the network come from.
func program(env map[string]string, log io.Writer, network http.RoundTripper) func(context.Context, []byte) error {
	get := func(name string) string { return env[name] }
	cfg := sdk.Config{
		Region:       get("AWS_REGION"),
		BaseEndpoint: sdk.String(get("AWS_ENDPOINT_URL")),
		Credentials: credentials.NewStaticCredentialsProvider(
			get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY"), get("AWS_SESSION_TOKEN")),
		RetryMaxAttempts: 2, // as AWS_MAX_ATTEMPTS has it, and the function is to ignore
		// As the SDK's default configuration has it.
		RequestChecksumCalculation: sdk.RequestChecksumCalculationWhenSupported,
	}
	logs := customresource.LogPointer(get("AWS_LAMBDA_LOG_GROUP_NAME"), get("AWS_LAMBDA_LOG_STREAM_NAME"))
	f := newFunction(cfg, get, slog.New(slog.NewJSONHandler(log, messageKey)), logs, network)
	return func(ctx context.Context, event []byte) error { return f.Invoke(ctx, json.RawMessage(event)) }
}

// messageKey names a line's keys as Lambda's JSON format does:
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html.
var messageKey = &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
	switch {
	case len(groups) > 0:
	case a.Key == slog.TimeKey:
		a.Key = "timestamp"
	case a.Key == slog.MessageKey:
		a.Key = "message"
	}
	return a
}}
