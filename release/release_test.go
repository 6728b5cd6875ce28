package main

import (
	"archive/zip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
	"github.com/bitmovin/bitmovin-export-access/local/cloudformation"
	"github.com/bitmovin/bitmovin-export-access/local/moto"
)

const (
	version = "1.2.3"
	prefix  = "acme-releases"
	regions = "eu-west-1 us-east-1"
	// maxZip is what the zip file may measure, in bytes.
	maxZip = 5 << 20
)

func TestNewRelease(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		want []bucket
		err  string
	}{
		"packaged":        {args: []string{"0.1.0-rc.1"}},
		"published":       {args: []string{"0.1.0", "acme", "us-east-1", "eu-west-1"}, want: []bucket{{"eu-west-1", "acme-eu-west-1"}, {"us-east-1", "acme-us-east-1"}}},
		"a region twice":  {args: []string{"0.1.0", "acme", "eu-west-1", "eu-west-1"}, want: []bucket{{"eu-west-1", "acme-eu-west-1"}}},
		"a tag":           {args: []string{"v0.1.0"}, err: `VERSION "v0.1.0"`},
		"a path":          {args: []string{"../0.1.0"}, err: `VERSION "../0.1.0"`},
		"build metadata":  {args: []string{"0.1.0+1"}, err: `VERSION "0.1.0+1"`},
		"no regions":      {args: []string{"0.1.0", "acme"}, err: "must name buckets"},
		"a prefix's dots": {args: []string{"0.1.0", "acme.com", "eu-west-1"}, err: `BUCKET_PREFIX "acme.com"`},
		"no region":       {args: []string{"0.1.0", "acme", "Ireland"}, err: `"Ireland" in REGIONS`},
		"China":           {args: []string{"0.1.0", "acme", "cn-north-1"}, err: `"cn-north-1" in REGIONS`},
		"GovCloud":        {args: []string{"0.1.0", "acme", "us-gov-west-1"}, err: `"us-gov-west-1" in REGIONS`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := newRelease(test.args)
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Fatalf("error %v, want %q", err, test.err)
			}
			if diff := cmp.Diff(test.want, r.buckets, cmp.AllowUnexported(bucket{})); diff != "" {
				t.Errorf("buckets (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEditsFitOnce: a template that was rewritten must not lose what a release
// puts into it.
func TestEditsFitOnce(t *testing.T) {
	t.Parallel()
	for _, template := range []string{"", "Conditions:\n", "      CodeUri: .\n      CodeUri: .\nConditions:\n"} {
		r := release{version: version, buckets: []bucket{{"eu-west-1", "acme-eu-west-1"}}}
		if _, err := apply(template, r.codeEdits()); err == nil {
			t.Errorf("%q was edited", template)
		}
	}
}

// TestRelease does what a publisher does, with make, in copies of the project:
// it packages twice, publishes to moto's S3, and deploys what was published.
func TestRelease(t *testing.T) {
	if os.Getenv("RELEASE_TEST") == "" {
		t.Skip("make test-release runs this: it needs cfn-lint, the AWS CLI and moto_server, which make tools installs")
	}
	p := newProject(t)
	p.make("package")
	t.Run("same bytes elsewhere", func(t *testing.T) {
		again := newProject(t)
		again.make("package")
		if diff := cmp.Diff(p.files(), again.files()); diff != "" {
			t.Errorf("files (-first +second):\n%s", diff)
		}
	})
	t.Run("contents", p.testContents)
	t.Run("lint", func(t *testing.T) { p.run(t, "cfn-lint", p.path(samFile), p.path(plainFile)) })
	t.Run("deploy", p.testDeploy)
	t.Run("publish", p.testPublish)
}

// A project is a copy of this one in a directory of its own.
type project struct {
	*testing.T
	dir string
}

func newProject(t *testing.T) *project {
	t.Helper()
	p := &project{t, t.TempDir()}
	for _, part := range []string{"Makefile", "go.mod", "go.sum", "template.yaml", "scripts", "handler", "release"} {
		p.run(t, "cp", "-R", filepath.Join(projectRoot(t), part), p.dir)
	}
	return p
}

func projectRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// run runs a command in the project and returns what it prints.
func (p *project) run(t *testing.T, command string, args ...string) string {
	t.Helper()
	out, err := p.try(command, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (p *project) try(command string, args ...string) (string, error) {
	cmd := exec.CommandContext(p.Context(), command, args...)
	cmd.Dir = p.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %v: %w\n%s", command, args, err, out)
	}
	return string(out), nil
}

func makeArgs(target string) []string {
	return []string{target, "VERSION=" + version, "BUCKET_PREFIX=" + prefix, "REGIONS=" + regions}
}

func (p *project) make(target string) {
	p.Helper()
	p.run(p.T, "make", makeArgs(target)...)
}

// path of a file of the version.
func (p *project) path(file string) string { return filepath.Join(p.dir, "dist", version, file) }

func (p *project) read(file string) string {
	p.Helper()
	content, err := os.ReadFile(p.path(file))
	if err != nil {
		p.Fatal(err)
	}
	return string(content)
}

// files returns the digests of the version's files by name.
func (p *project) files() map[string]string {
	p.Helper()
	entries, err := os.ReadDir(p.path(""))
	if err != nil {
		p.Fatal(err)
	}
	digests := map[string]string{}
	for _, e := range entries {
		digests[e.Name()] = fmt.Sprintf("%x", sha256.Sum256([]byte(p.read(e.Name()))))
	}
	return digests
}

func (p *project) testContents(t *testing.T) {
	archive := p.read(zipFile)
	if len(archive) > maxZip {
		t.Errorf("%s has %d bytes, more than %d", zipFile, len(archive), maxZip)
	}
	r, err := zip.NewReader(strings.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range r.File {
		got = append(got, fmt.Sprint(f.Name, f.Mode(), f.Modified.UTC().Format(" 2006-01-02 15:04")))
	}
	if diff := cmp.Diff([]string{"bootstrap-rwxr-xr-x 1980-01-01 00:00"}, got); diff != "" {
		t.Errorf("zip file (-want +got):\n%s", diff)
	}
	files := p.files()
	delete(files, sumsFile)
	sums := map[string]string{}
	for line := range strings.Lines(p.read(sumsFile)) {
		sum, file, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sums[file] = sum
	}
	if diff := cmp.Diff(files, sums); diff != "" {
		t.Errorf("checksums of all files (-want +got):\n%s", diff)
	}
	p.checkSBOM(t)
}

// checkSBOM checks that the SBOM says of the function what Go says of it.
func (p *project) checkSBOM(t *testing.T) {
	t.Helper()
	info, err := buildinfo.ReadFile(filepath.Join(p.dir, built))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"pkg:golang/stdlib@" + strings.TrimPrefix(info.GoVersion, "go")}
	for _, m := range info.Deps {
		want = append(want, "pkg:golang/"+m.Path+"@"+m.Version)
	}
	var b bom
	if err := json.Unmarshal([]byte(p.read(sbomFile)), &b); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range b.Components {
		got = append(got, c.PURL)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("SBOM (-want +got):\n%s", diff)
	}
}

// testDeploy deploys the plain template on the desk: in a region that has it,
// and in one that has not.
func (p *project) testDeploy(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "bootstrap")
	p.run(t, "go", "build", "-o", binary, "./handler")
	deploy := func(region string) (*cloudformation.Stack, error) {
		cloud := aws.Start(aws.Options{})
		defer cloud.Close()
		cloud.Edit(func(s *aws.State) {
			s.Buckets["exports"] = &aws.Bucket{Name: "exports", Account: "123456789012", Region: region, Ownership: "BucketOwnerEnforced"}
		})
		engine := cloudformation.New(cloudformation.Options{Cloud: cloud, Account: "123456789012", Region: region, Binary: binary})
		defer engine.Close()
		return engine.Deploy(t.Context(), "launched", []byte(p.read(plainFile)), map[string]string{"BucketName": "exports"})
	}
	s, err := deploy("us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Outputs["AccessVerified"]; got != "true" {
		t.Errorf("AccessVerified = %s, want true", got)
	}
	if _, err := deploy("ap-south-1"); err == nil || !strings.Contains(err.Error(), "Code::ap-south-1::Bucket") {
		t.Errorf("error %v, want one that says the region has no code", err)
	}
}

// testPublish publishes: without buckets, with them, again, and something else.
func (p *project) testPublish(t *testing.T) {
	startMoto(t)
	if _, err := p.try("make", makeArgs("publish")...); err == nil || !strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("publish without buckets: %v, want NoSuchBucket", err)
	}
	p.run(t, "aws", "s3api", "create-bucket", "--region", "us-east-1", "--bucket", prefix+"-us-east-1")
	p.run(t, "aws", "s3api", "create-bucket", "--region", "eu-west-1", "--bucket", prefix+"-eu-west-1",
		"--create-bucket-configuration", "LocationConstraint=eu-west-1")
	p.run(t, "make", makeArgs("publish")...)
	if diff := cmp.Diff(launchRows, p.read(launchFile)); diff != "" {
		t.Errorf("launch links (-want +got):\n%s", diff)
	}
	if got, want := object(t, "us-east-1", plainFile), p.read(plainFile); got != want {
		t.Errorf("published %s:\n%s", plainFile, got)
	}
	p.run(t, "make", makeArgs("publish")...) // the same is no change

	p.run(t, "sh", "-c", "echo '# another' >> template.yaml")
	before := object(t, "eu-west-1", samFile)
	if _, err := p.try("make", makeArgs("publish")...); err == nil || !strings.Contains(err.Error(), errPublished.Error()) {
		t.Errorf("publish something else: %v, want %v", err, errPublished)
	}
	if after := object(t, "eu-west-1", samFile); after != before {
		t.Errorf("what was published is another now: %s", after)
	}
}

const launchRows = `| region | one bucket | provider for other stacks |
|---|---|---|
| ` + "`eu-west-1`" + ` | [Launch stack](https://eu-west-1.console.aws.amazon.com/cloudformation/home?region=eu-west-1#/stacks/create/review?templateURL=https://acme-releases-eu-west-1.s3.eu-west-1.amazonaws.com/bitmovin-export-access/1.2.3/template.json&stackName=bitmovin-export-access) | [Launch stack](https://eu-west-1.console.aws.amazon.com/cloudformation/home?region=eu-west-1#/stacks/create/review?templateURL=https://acme-releases-eu-west-1.s3.eu-west-1.amazonaws.com/bitmovin-export-access/1.2.3/template.json&stackName=bitmovin-export) |
| ` + "`us-east-1`" + ` | [Launch stack](https://us-east-1.console.aws.amazon.com/cloudformation/home?region=us-east-1#/stacks/create/review?templateURL=https://acme-releases-us-east-1.s3.us-east-1.amazonaws.com/bitmovin-export-access/1.2.3/template.json&stackName=bitmovin-export-access) | [Launch stack](https://us-east-1.console.aws.amazon.com/cloudformation/home?region=us-east-1#/stacks/create/review?templateURL=https://acme-releases-us-east-1.s3.us-east-1.amazonaws.com/bitmovin-export-access/1.2.3/template.json&stackName=bitmovin-export) |
`

// startMoto starts an S3 and points the AWS CLI at it.
func startMoto(t *testing.T) {
	t.Helper()
	t.Setenv("AWS_ENDPOINT_URL", moto.Start(t))
	t.Setenv("AWS_ACCESS_KEY_ID", "publisher")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_REGION", "us-east-1")
}

// object returns what moto has of a file.
func object(t *testing.T, region, file string) string {
	t.Helper()
	there := filepath.Join(t.TempDir(), file)
	key := release{version: version}.key(file)
	out, err := exec.Command("aws", "s3", "cp", "--region", region, "s3://"+prefix+"-"+region+"/"+key, there).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	content, err := os.ReadFile(there)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
