// Package oracle asks @cloud-copilot/iam-simulate, an evaluator of policies that nobody
// of this project wrote, for its opinion on decisions of local/aws. It runs as a process
// of its own: scripts/oracle.mjs, in node.
// https://github.com/cloud-copilot/iam-simulate
package oracle

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// An Answer is what the oracle makes of a request.
type Answer struct {
	// Result is Allowed, ImplicitlyDenied or ExplicitlyDenied; empty with an Error.
	Result string
	// Ignored are the condition keys that such a request does not have, it says.
	Ignored []string
	// Error is why it does not decide.
	Error string
}

// Result is what a decision is called here.
func Result(d aws.Decision) string {
	switch {
	case d.Allowed:
		return "Allowed"
	case d.Explicit:
		return "ExplicitlyDenied"
	}
	return "ImplicitlyDenied"
}

// Ask asks the oracle, which make tools installs below the root of the project, and
// returns its answers, one for each decision.
func Ask(ctx context.Context, root string, decisions []aws.Decision) ([]Answer, error) {
	var requests, stderr bytes.Buffer
	encoder := json.NewEncoder(&requests)
	for _, d := range decisions {
		if err := encoder.Encode(d); err != nil {
			return nil, fmt.Errorf("encode a request: %w", err)
		}
	}
	cmd := exec.CommandContext(ctx, "node", filepath.Join(root, "scripts", "oracle.mjs"), filepath.Join(root, ".aws-sam", "tools", "oracle"))
	cmd.Stdin, cmd.Stderr = &requests, &stderr
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run the oracle: %w\n%s", err, &stderr)
	}
	var answers []Answer
	for decoder := json.NewDecoder(bytes.NewReader(output)); decoder.More(); {
		var a Answer
		if err := decoder.Decode(&a); err != nil {
			return nil, fmt.Errorf("decode an answer: %w", err)
		}
		answers = append(answers, a)
	}
	if len(answers) != len(decisions) {
		return nil, fmt.Errorf("the oracle gave %d answers to %d requests", len(answers), len(decisions))
	}
	return answers, nil
}
