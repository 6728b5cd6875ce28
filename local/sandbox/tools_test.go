package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
)

// What the checks of a bucket say that is as AWS makes one today: its ACLs are
// off, and all else passes.
var aclsOff = map[string]string{"ObjectOwnership": "WARN"}

// retained is what they say of a bucket with retention, where nothing is written.
var retained = map[string]string{
	"ObjectOwnership": "WARN", "ObjectLock": "WARN", "NoReadAccess": "NOT_TESTED", "NoDeleteAccess": "NOT_TESTED",
}

func (s *suite) config() aws.Config {
	return aws.Config{
		Region: s.box.variables["AWS_REGION"], BaseEndpoint: aws.String(s.box.URL()),
		Credentials: credentials.NewStaticCredentialsProvider(s.box.variables["AWS_ACCESS_KEY_ID"], s.box.variables["AWS_SECRET_ACCESS_KEY"], ""),
	}
}

func (s *suite) connect() {
	s.iam = iam.NewFromConfig(s.config())
	s.s3 = s3.NewFromConfig(s.config())
}

func (s *suite) stacks() *cloudformation.Client { return cloudformation.NewFromConfig(s.config()) }

func (s *suite) read(file string) []byte {
	s.Helper()
	content, err := os.ReadFile(filepath.Join(s.dir, file))
	if err != nil {
		s.Fatal(err)
	}
	return content
}

// run runs a tool in the project's copy and returns what it prints.
func (s *suite) run(tool string, args ...string) string {
	s.Helper()
	out, err := s.tryInput("", tool, args...)
	if err != nil {
		s.Fatal(err)
	}
	return out
}

// aws runs the AWS CLI and returns what it prints on its standard output.
func (s *suite) aws(args ...string) string {
	s.Helper()
	return s.run("aws", args...)
}

// tryInput runs a tool with an input. What it prints comes with the error as
// well.
func (s *suite) tryInput(input, tool string, args ...string) (string, error) {
	env := append(s.box.Environ(), "SAM_CLI_POLL_DELAY=1", "COLUMNS=100", "AWS_PAGER=", "PYTHONWARNINGS=ignore")
	path, err := lookPath(env, tool)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(s.Context(), path, args...)
	cmd.Dir, cmd.Env = s.dir, env
	if input != "" {
		cmd.Stdin = strings.NewReader(input)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w\n%s", tool, strings.Join(args, " "), err, &out)
	}
	return out.String(), nil
}

// lookPath finds a tool in the PATH of an environment.
func lookPath(env []string, tool string) (string, error) {
	for i := len(env) - 1; i >= 0; i-- {
		value, ok := strings.CutPrefix(env[i], "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(value) {
			if path, err := exec.LookPath(filepath.Join(dir, tool)); err == nil {
				return path, nil
			}
		}
		break
	}
	return "", fmt.Errorf("%s is missing: run make tools", tool)
}

func (s *suite) consumer() string {
	s.Helper()
	content, err := os.ReadFile("testdata/consumer.yaml")
	if err != nil {
		s.Fatal(err)
	}
	return string(content)
}

// create begins to create a stack.
func (s *suite) create(name, template string, parameters map[string]string) {
	s.Helper()
	in := &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &template}
	for key, value := range parameters {
		in.Parameters = append(in.Parameters, types.Parameter{ParameterKey: aws.String(key), ParameterValue: aws.String(value)})
	}
	if _, err := s.stacks().CreateStack(s.Context(), in); err != nil {
		s.Fatal(err)
	}
}

// deleteStacks deletes stacks, one when the one before is gone.
func (s *suite) deleteStacks(names ...string) {
	s.Helper()
	for _, name := range names {
		id := aws.ToString(s.stack(name).StackId)
		if _, err := s.stacks().DeleteStack(s.Context(), &cloudformation.DeleteStackInput{StackName: &name}); err != nil {
			s.Fatal(err)
		}
		s.wantStatus(id, "DELETE_COMPLETE")
	}
}

func (s *suite) stack(name string) types.Stack {
	s.Helper()
	out, err := s.stacks().DescribeStacks(s.Context(), &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil || len(out.Stacks) != 1 {
		s.Fatalf("describe stack %s: %d stacks, %v", name, len(out.Stacks), err)
	}
	return out.Stacks[0]
}

// wantStatus waits until nothing of the stack is in progress. The runner of the
// tests has the time limit.
func (s *suite) wantStatus(name string, want types.StackStatus) {
	s.Helper()
	for {
		stack := s.stack(name)
		if !strings.HasSuffix(string(stack.StackStatus), "_IN_PROGRESS") {
			if stack.StackStatus != want {
				s.Fatalf("%s is %s, want %s: %s\n%s", name, stack.StackStatus, want, aws.ToString(stack.StackStatusReason), s.failures(name))
			}
			return
		}
		select {
		case <-s.Context().Done():
			s.Fatal(s.Context().Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// failures returns the reasons of a stack's events.
func (s *suite) failures(name string) error {
	out, err := s.stacks().DescribeStackEvents(s.Context(), &cloudformation.DescribeStackEventsInput{StackName: &name})
	if err != nil {
		return err
	}
	for _, e := range out.StackEvents {
		if strings.HasSuffix(string(e.ResourceStatus), "_FAILED") {
			err = errors.Join(err, fmt.Errorf("%s: %s", aws.ToString(e.LogicalResourceId), aws.ToString(e.ResourceStatusReason)))
		}
	}
	return err
}

func (s *suite) outputs(name string) map[string]string {
	s.Helper()
	values := map[string]string{}
	for _, o := range s.stack(name).Outputs {
		values[*o.OutputKey] = *o.OutputValue
	}
	return values
}

// watch looks at the status of a resource until the function that it returns is
// called, which returns what it has seen.
func (s *suite) watch(stack, logical string) func() map[types.ResourceStatus]bool {
	seen, stop, stopped := map[types.ResourceStatus]bool{}, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			out, err := s.stacks().DescribeStackResource(s.Context(),
				&cloudformation.DescribeStackResourceInput{StackName: &stack, LogicalResourceId: &logical})
			if err == nil {
				seen[out.StackResourceDetail.ResourceStatus] = true
			}
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return func() map[types.ResourceStatus]bool {
		close(stop)
		<-stopped
		return seen
	}
}

func (s *suite) physicalID(stack, logical string) string {
	s.Helper()
	out, err := s.stacks().DescribeStackResource(s.Context(),
		&cloudformation.DescribeStackResourceInput{StackName: &stack, LogicalResourceId: &logical})
	if err != nil {
		s.Fatal(err)
	}
	return aws.ToString(out.StackResourceDetail.PhysicalResourceId)
}

// wantVerified checks that the access was verified, and that no check says
// anything but PASS or what is wanted.
func (s *suite) wantVerified(stack string, want map[string]string) {
	s.Helper()
	outputs := s.outputs(stack)
	verified := "true"
	if want["ObjectLock"] == "WARN" {
		verified = "partial" // S3 then takes only uploads with a checksum
	}
	if outputs["AccessVerified"] != verified {
		s.Errorf("%s: AccessVerified = %q, want %s", stack, outputs["AccessVerified"], verified)
	}
	var checks map[string]string
	if err := json.Unmarshal([]byte(outputs["Checks"]), &checks); err != nil {
		s.Fatalf("%s: %v: %s", stack, err, outputs["Checks"])
	}
	for name, verdict := range checks {
		if verdict == "PASS" {
			delete(checks, name)
		}
	}
	if diff := cmp.Diff(want, checks); diff != "" {
		s.Errorf("%s: checks that do not pass (-want +got):\n%s", stack, diff)
	}
}
