package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/console"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := demo(t.Context(), project(t), aws.Options{}, false, console.New(&out, false)); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	rest := out.String()
	for _, want := range []string{ // in this order
		"  CREATE_COMPLETE     ExportAccess      Custom::BitmovinExportAccess\n",
		"  CREATE_COMPLETE     exports           AWS::CloudFormation::Stack\n",
		"\n  sts:AssumeRole        PASS        works with the external id\n",
		"\n  s3:PutObjectAcl       PASS        works\n",
		"\n  AccessVerified: true\n",
		"\n  RoleArn: arn:aws:iam::111122223333:role/bitmovin-access\n",
		"  UPDATE_FAILED       ExportAccess      Custom::BitmovinExportAccess\n",
		"s3:PutObject: denied by an explicit Deny in\n",
		"\n      {\n        \"ArnNotEquals\": {\n          \"aws:PrincipalArn\": \"arn:aws:iam::111122223333:role/bitmovin-access\"\n",
		"  UPDATE_ROLLBACK_COMPLETE  exports\n",
		"  UPDATE_COMPLETE     exports           AWS::CloudFormation::Stack\n",
		"\n  AccessVerified: true\n",
		"  DELETE_COMPLETE     exports           AWS::CloudFormation::Stack\n",
		"\n     2      0  IAM roles\n",
		"\n     1      0  log groups\n",
		"\nNothing is left: ",
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("there is no %q in the rest of the output:\n%s", want, rest)
		}
		rest = after
	}
	for line := range strings.Lines(out.String()) {
		if width := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); width > 80 {
			t.Errorf("%d columns: %s", width, line)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("there are escape codes though no terminal reads them")
	}
}

func TestDemoRegister(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := demo(t.Context(), project(t), aws.Options{}, true, console.New(&out, false)); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		"  CREATE_COMPLETE     BitmovinOutput    Custom::BitmovinAnalyticsOutput\n",
		"\n  OutputId: ", "\nOutputs at Bitmovin: 1\n", "\n     1      0  outputs at Bitmovin\n", "\nNothing is left: ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %q in:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "desk-key") {
		t.Error("the output tells the API key")
	}
}

func TestDemoFails(t *testing.T) {
	t.Parallel()
	role := func(c *aws.Cloud) {
		c.Edit(func(s *aws.State) {
			s.Roles[aws.RoleKey(account, "left")] = &aws.Role{Account: account, Name: "left", Path: "/", Trust: "{}"}
		})
	}
	for name, c := range map[string]struct {
		op, want string
		skip     int
		do       func(*aws.Cloud)
	}{
		"the bucket is gone": {
			op: "s3:HeadBucket", want: "Bucket",
			do: func(c *aws.Cloud) { c.Edit(func(s *aws.State) { delete(s.Buckets, bucketName) }) },
		},
		"the update passes": {
			op: "s3:HeadBucket", skip: 1, want: "UPDATE_COMPLETE",
			do: func(c *aws.Cloud) { c.Edit(func(s *aws.State) { s.Buckets[bucketName].Policy = "" }) },
		},
		"the rollback does not restore": {op: "s3:HeadBucket", skip: 2, want: "did not restore", do: role},
		"something is left":             {op: "iam:DeleteRole", want: "other than it was", do: role},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			s := newStory(project(t), aws.Options{}, console.New(&out, false))
			defer s.close()
			s.cloud.Inject(&aws.Fault{Op: c.op, Skip: c.skip, Times: 1, Do: func() { c.do(s.cloud) }})
			if err := s.tell(t.Context()); !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("got %v, want an error that tells %q", err, c.want)
			}
		})
	}
}
