package access

import (
	"log/slog"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/bitmovin/bitmovin-export-access/handler/internal/customresource"
)

const (
	testAccount  = "123456789012"
	testStack    = "arn:aws:cloudformation:eu-west-1:123456789012:stack/analytics/51af3dc0-da77-11e4-872e-1234567db123"
	testVerifier = "arn:aws:iam::123456789012:role/provider-FunctionRole-1ABCDEF"
	// testPrefix is the shortest.
	testPrefix = "bitmovin-"
)

// testRequest returns an event of the resource ExportAccess of testStack.
func testRequest(kind string, properties map[string]any) *customresource.Request {
	return requestOf(cfn.Event{
		RequestType:        cfn.RequestType(kind),
		RequestID:          "request",
		StackID:            testStack,
		LogicalResourceID:  "ExportAccess",
		ResourceType:       ResourceType,
		ResourceProperties: properties,
	})
}

func requestOf(e cfn.Event) *customresource.Request {
	return &customresource.Request{
		Event: e, AccountID: testAccount, Region: "eu-west-1", Partition: "aws", Log: slog.New(slog.DiscardHandler),
	}
}

func testProvider() Provider {
	return Provider{
		TrustedPrincipal: bitmovin,
		Boundary:         "arn:aws:iam::123456789012:policy/boundary",
		RoleNamePrefix:   testPrefix,
		Verifier:         testVerifier,
	}
}

// testAccess returns the Access of a provider that reaches no AWS.
func testAccess() *Access { return New(aws.Config{Region: "eu-west-1"}, testProvider()) }
