// Command handler is the Lambda function behind the custom resources
// Custom::BitmovinExportAccess and Custom::BitmovinAnalyticsOutput. It only
// wires; the work is in its internal packages.
package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/access"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
	"github.com/bitmovin/bitmovin-export-access/handler/internal/output"
)

// attemptTimeout bounds one attempt of an AWS call, so that one that hangs
// costs no more than a retry.
const attemptTimeout = 5 * time.Second

func main() {
	log := lambdacontext.NewLogger()
	slog.SetDefault(log)
	cfg, err := config.LoadDefaultConfig(context.Background(),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(attemptTimeout)),
		config.WithRetryer(newRetryer),
	)
	if err != nil {
		log.Error("load the AWS configuration", "error", err)
		os.Exit(1)
	}
	export := access.New(cfg, access.ProviderFromEnv(os.Getenv))
	lambda.Start(customresource.New(map[string]customresource.Handler{
		access.ResourceType: export.Handle,
		output.ResourceType: output.New(cfg, os.Getenv("BITMOVIN_API_URL")).Handle,
	}, log).Invoke)
}
