package main

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// name is that of the project, in the files and below the buckets' keys.
const name = "bitmovin-export-access"

// The files of a version.
const (
	zipFile = name + ".zip"
	// samFile is template.yaml, with the place of the code.
	samFile = "template.sam.yaml"
	// plainFile is the same without the transform: what a launch link opens.
	plainFile = "template.json"
	sbomFile  = "sbom.cdx.json"
	sumsFile  = "SHA256SUMS"
	// launchFile is not published: it tells where the others are.
	launchFile = "launch.md"
)

// A release is a version, and where it is published.
type release struct {
	version string
	// prefix of the buckets' names; empty for a version that is only packaged.
	prefix string
	// regions that have a bucket.
	regions []string
}

var (
	// A version stands in keys and links, so it has no build metadata, with its
	// plus sign: https://semver.org/spec/v2.0.0.html.
	validVersion = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)
	// No dots: with one, a bucket's name does not fit S3's certificates.
	validPrefix = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,40}$`)
	// The other partitions' consoles and endpoints are elsewhere, and so are the
	// credentials that would publish there.
	validRegion = regexp.MustCompile(`^[a-z]{2}-[a-z]+-\d+$`)
)

// newRelease reads VERSION [BUCKET_PREFIX REGION...].
func newRelease(args []string) (release, error) {
	r := release{version: args[0]}
	if len(args) > 1 {
		r.prefix, r.regions = args[1], args[2:]
	}
	switch {
	case !validVersion.MatchString(r.version):
		return release{}, fmt.Errorf("VERSION %q is not a semantic version such as 0.1.0", r.version)
	case r.prefix == "":
		return r, nil
	case !validPrefix.MatchString(r.prefix):
		return release{}, fmt.Errorf("BUCKET_PREFIX %q: <BUCKET_PREFIX>-<region> must be a bucket's name, without dots", r.prefix)
	case len(r.regions) == 0:
		return release{}, fmt.Errorf("REGIONS names no region that has a bucket %s-<region>", r.prefix)
	}
	for _, region := range r.regions {
		if !validRegion.MatchString(region) || strings.HasPrefix(region, "cn-") {
			return release{}, fmt.Errorf("%q in REGIONS is not a region of the partition aws", region)
		}
	}
	return r, nil
}

func (r release) published() bool { return r.prefix != "" }

// path of a file of the version on this machine.
func (r release) path(file string) string { return filepath.Join("dist", r.version, file) }

// key of a file of the version in every bucket.
func (r release) key(file string) string { return path.Join(name, r.version, file) }

func (r release) bucket(region string) string { return r.prefix + "-" + region }
