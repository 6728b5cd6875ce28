// Command handler is the Lambda function behind the custom resources
// Custom::BitmovinExportAccess and Custom::BitmovinAnalyticsOutput. It only
// wires; the work is in its internal packages.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/access"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/jitter"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/output"
)

func main() {
	log := lambdacontext.NewLogger()
	slog.SetDefault(log)
	cfg, err := config.LoadDefaultConfig(context.Background(), config.WithHTTPClient(awshttp.NewBuildableClient()))
	if err != nil {
		log.Error("load the AWS configuration", "error", err)
		os.Exit(1)
	}
	logs := customresource.LogPointer(lambdacontext.LogGroupName, lambdacontext.LogStreamName)
	lambda.Start(newFunction(cfg, os.Getenv, log, logs, transportOf(cfg)).Invoke)
}

// transportOf returns the transport of the SDK's client as the configuration made it:
// with AWS_CA_BUNDLE that trusts the bundle's authorities alone, for all that is called.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-gen-config.html
func transportOf(cfg aws.Config) http.RoundTripper {
	if client, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
		return client.GetTransport()
	}
	return http.DefaultTransport
}

// newFunction returns the function whose calls of AWS, verdicts and calls of
// Bitmovin's API all go through transport; AWS is called with cfg. env reads the
// function's environment, and logs ends every Reason.
func newFunction(
	cfg aws.Config, env func(string) string, log *slog.Logger, logs string, transport http.RoundTripper,
) *customresource.Function {
	pauses := jitter.New(cmp.Or(env("AWS_LAMBDA_LOG_STREAM_NAME"), rand.Text()))
	cfg.HTTPClient = newAWSClient(transport)
	cfg.Retryer = func() aws.Retryer { return newRetryer(log, pauses) }
	cfg.RetryMaxAttempts = 0 // AWS_MAX_ATTEMPTS would give up a throttled call that has its turn in the end
	return customresource.New(map[string]customresource.Handler{
		access.ResourceType: access.New(cfg, access.ProviderFromEnv(env)).Handle,
		output.ResourceType: output.New(cfg, env("BITMOVIN_API_URL"), transport, pauses).Handle,
	}, customresource.Options{
		Log: log, Logs: logs, Endpoint: env("AWS_ENDPOINT_URL"), Transport: transport, Pauses: pauses,
	})
}
