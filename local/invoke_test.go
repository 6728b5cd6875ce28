package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitmovin/bitmovin-export-access/local/console"
)

func TestInvoke(t *testing.T) {
	t.Parallel()
	const role = "\narn:aws:iam::012345678912:role/bitmovin-export-analytics"
	const outputID = "8c1f0b5e-2a7d-4e63-9b1a-5d0c7e4f3a21"
	cases := map[string][]string{
		"create.json": {`"SUCCESS"`, `"AccessVerified": "true"`, "Roles: 1" + role + "\n", `s3:::my-analytics-exports/*"`},
		"update.json": {`"SUCCESS"`, `"AccessVerified": "true"`, "Roles: 1" + role + "\n", `s3:::my-analytics-exports/exports/*"`},
		// The role that was replaced lives until its own Delete.
		"update-replace.json": {
			`"SUCCESS"`, `"PhysicalResourceId": "bitmovin-export-analytics-2"`, "Roles: 2" + role + "\n", role + "-2\n",
		},
		"delete.json":               {`"SUCCESS"`, "Roles: 0\n"},
		"delete-failed-create.json": {`"SUCCESS"`, `"PhysicalResourceId": "analytics-exports-ExportAccess-1V2L4KQ7X9Z3B"`, "Roles: 0\n"},
		"output-create.json":        {`"SUCCESS"`, `"OutputId": "`, "Outputs at Bitmovin: 1\n", "Roles: 0\n"},
		// Another key of the same account finds the same output.
		"output-update.json": {`"SUCCESS"`, `"PhysicalResourceId": "` + outputID + `"`, "Outputs at Bitmovin: 1\n" + outputID + "\n"},
		// So does an output that was replaced.
		"output-update-replace.json": {`"SUCCESS"`, "Outputs at Bitmovin: 2\n" + outputID + "\n"},
		"output-delete.json":         {`"SUCCESS"`, `"PhysicalResourceId": "` + outputID + `"`, "Roles: 0\n\nLog\n"},
		"invalid.json":               {`"FAILED"`, `"Reason": "property `, "Roles: 0\n"},
	}
	files, err := filepath.Glob("../events/*.json")
	if err != nil || len(files) != len(cases) {
		t.Errorf("there are the events %q (%v) for %d cases", files, err, len(cases))
	}
	for name, wants := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := invoke(t.Context(), project(t), filepath.Join("..", "events", name), console.New(&out, false)); err != nil {
				t.Fatalf("%v\n%s", err, &out)
			}
			for _, want := range append(wants, `"message":"verdict"`) {
				if !strings.Contains(out.String(), want) {
					t.Errorf("there is no %q in:\n%s", want, &out)
				}
			}
		})
	}
}

func TestInvokeFails(t *testing.T) {
	t.Parallel()
	create, err := os.ReadFile("../events/create.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file string
		edit []string // pairs of what stands in create.json and what is to
		want string
	}{
		"valid though its name says otherwise": {"invalid-not.json", nil, "the verdict is SUCCESS, not FAILED"},
		"invalid":                              {"create.json", []string{`"BucketName"`, `"BucketNam"`}, "the verdict is FAILED, not SUCCESS"},
		"Delete of what cannot be created": {
			"delete.json", []string{`"Create"`, `"Delete"`, `"BucketName"`, `"BucketNam"`}, "create what the event is about",
		},
		"malformed":  {"create.json", []string{`"Create"`, `1`}, "the verdict is FAILED"},
		"no StackId": {"create.json", []string{`"StackId"`, `"Stack"`}, "read the StackId"},
		"no JSON":    {"create.json", []string{"{", ""}, "decode the event"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), c.file)
			if err := os.WriteFile(file, []byte(strings.NewReplacer(c.edit...).Replace(string(create))), 0o600); err != nil {
				t.Fatal(err)
			}
			err := invoke(t.Context(), project(t), file, console.New(&bytes.Buffer{}, false))
			if !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("got %v, want an error that tells %q", err, c.want)
			}
		})
	}
}
