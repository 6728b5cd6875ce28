package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
)

// sums returns the checksums of the other files, as `sha256sum --check` reads them.
func (r release) sums() ([]byte, error) {
	var lines strings.Builder
	for _, file := range []string{zipFile, sbomFile, samFile, plainFile} {
		content, err := os.ReadFile(r.path(file))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256(content), file)
	}
	return []byte(lines.String()), nil
}

// checkSums checks that the files are those that were packaged.
func (r release) checkSums() error {
	want, err := os.ReadFile(r.path(sumsFile))
	if err != nil {
		return fmt.Errorf("read the checksums: %w", err)
	}
	got, err := r.sums()
	if err != nil {
		return fmt.Errorf("sum up the files: %w", err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("the files in %s are not those of %s: package them again", r.path(""), sumsFile)
	}
	return nil
}
