package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
)

// built is where `make build` leaves the function.
const built = "build/bootstrap"

// pack writes the version's files, and nothing else, to its directory.
func (r release) pack(ctx context.Context, out *log.Logger) error {
	binary, err := os.ReadFile(built)
	if err != nil {
		return fmt.Errorf("read the function: %w", err)
	}
	info, err := forLambda(binary)
	if err != nil {
		return fmt.Errorf("%s: %w", built, err)
	}
	if err := emptied(r.path("")); err != nil {
		return err
	}
	steps := []struct {
		file    string
		content func() ([]byte, error)
	}{
		{zipFile, func() ([]byte, error) { return archive(binary) }},
		{sbomFile, func() ([]byte, error) { return sbom(r.version, info, binary) }},
		{samFile, r.samTemplate},
		{plainFile, func() ([]byte, error) { return translate(ctx, r.path(samFile)) }},
		{sumsFile, r.sums},
	}
	for _, s := range steps {
		content, err := s.content()
		if err == nil {
			err = os.WriteFile(r.path(s.file), content, 0o644)
		}
		if err != nil {
			return fmt.Errorf("make %s: %w", s.file, err)
		}
		out.Printf("%s: %d bytes", r.path(s.file), len(content))
	}
	return nil
}

// forLambda reads how a binary was built, and refuses one that the template's
// function could not run.
func forLambda(binary []byte) (*buildinfo.BuildInfo, error) {
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		return nil, fmt.Errorf("read how it was built: %w", err)
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if system := settings["GOOS"] + "/" + settings["GOARCH"]; system != "linux/arm64" {
		return nil, fmt.Errorf("was built for %s: run make build", system)
	}
	return info, nil
}

// emptied makes an empty directory.
func emptied(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("clear %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	return nil
}

// translate returns a SAM template as plain CloudFormation.
func translate(ctx context.Context, sam string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "python3", filepath.Join("scripts", "translate.py"), sam)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("translate %s: %w", sam, err)
	}
	return text, nil
}
