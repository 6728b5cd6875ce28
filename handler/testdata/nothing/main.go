// Command nothing is a Lambda function that does nothing: what every one in Go
// costs, and what the cold start of this project's is measured beside.
package main

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(context.Context, json.RawMessage) error { return nil })
}
