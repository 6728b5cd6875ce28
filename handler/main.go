// Command handler is the Lambda function behind the custom resources
// Custom::BitmovinExportAccess and Custom::BitmovinAnalyticsOutput. It only
// wires; the work is in its internal packages.
package main

import (
	"context"
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
	"github.com/bitmovin/bitmovin-export-access/handler/internal/output"
)

func main() {
	log := lambdacontext.NewLogger()
	slog.SetDefault(log)
	client := awshttp.NewBuildableClient()
	cfg, err := config.LoadDefaultConfig(context.Background(), config.WithHTTPClient(client))
	if err != nil {
		log.Error("load the AWS configuration", "error", err)
		os.Exit(1)
	}
	logs := customresource.LogPointer(lambdacontext.LogGroupName, lambdacontext.LogStreamName)
	lambda.Start(newFunction(cfg, os.Getenv, log, logs, client.GetTransport()).Invoke)
}

// newFunction returns the function whose calls of AWS, verdicts and calls of
// Bitmovin's API all go through transport; AWS is called with cfg. env reads the
// function's environment, and logs ends every Reason.
func newFunction(
	cfg aws.Config, env func(string) string, log *slog.Logger, logs string, transport http.RoundTripper,
) *customresource.Function {
	cfg.HTTPClient = newAWSClient(transport)
	cfg.Retryer = func() aws.Retryer { return newRetryer(log) }
	return customresource.New(map[string]customresource.Handler{
		access.ResourceType: access.New(cfg, access.ProviderFromEnv(env)).Handle,
		output.ResourceType: output.New(cfg, env("BITMOVIN_API_URL"), transport).Handle,
	}, log, logs, transport)
}
