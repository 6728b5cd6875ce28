package main

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
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
	// buckets are in the order of their regions; none for a version that is only
	// packaged.
	buckets []bucket
}

// A bucket holds versions for the stacks of its region.
type bucket struct{ region, name string }

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
	if !validVersion.MatchString(r.version) {
		return release{}, fmt.Errorf("VERSION %q is not a semantic version such as 0.1.0", r.version)
	}
	if len(args) == 1 {
		return r, nil
	}
	prefix, regions := args[1], args[2:]
	if !validPrefix.MatchString(prefix) || len(regions) == 0 {
		return release{}, fmt.Errorf("BUCKET_PREFIX %q and REGIONS %q must name buckets, <prefix>-<region>, without dots", prefix, regions)
	}
	for _, region := range regions {
		if !validRegion.MatchString(region) || strings.HasPrefix(region, "cn-") {
			return release{}, fmt.Errorf("%q in REGIONS is not a region of the partition aws", region)
		}
		r.buckets = append(r.buckets, bucket{region, prefix + "-" + region})
	}
	slices.SortFunc(r.buckets, func(a, b bucket) int { return strings.Compare(a.region, b.region) })
	r.buckets = slices.Compact(r.buckets)
	return r, nil
}

// path of a file of the version on this machine.
func (r release) path(file string) string { return filepath.Join("dist", r.version, file) }

// key of a file of the version in every bucket.
func (r release) key(file string) string { return path.Join(name, r.version, file) }
