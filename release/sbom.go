package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"strings"
)

// A bom is the part of CycloneDX that says what is in a binary. It has neither
// the time nor the serial number, which are optional and would differ each time.
// https://cyclonedx.org/docs/1.6/json/
type bom struct {
	BOMFormat   string `json:"bomFormat"`
	SpecVersion string `json:"specVersion"`
	Version     int    `json:"version"`
	Metadata    struct {
		Component component `json:"component"`
	} `json:"metadata"`
	Components []component `json:"components"`
}

type component struct {
	Type     string    `json:"type"`
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	Licenses []license `json:"licenses,omitempty"`
	Hashes   []hash    `json:"hashes,omitempty"`
	PURL     string    `json:"purl"`
}

type license struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

// sbom lists the modules that the linker put into the binary, and Go itself,
// whose standard library is in it too.
func sbom(version string, info *buildinfo.BuildInfo, binary []byte) ([]byte, error) {
	b := bom{BOMFormat: "CycloneDX", SpecVersion: "1.6", Version: 1}
	b.Metadata.Component = module("application", &debug.Module{Path: info.Main.Path, Version: "v" + version})
	own := license{}
	own.License.ID = "Apache-2.0"
	b.Metadata.Component.Licenses = []license{own}
	b.Metadata.Component.Hashes = []hash{{"SHA-256", fmt.Sprintf("%x", sha256.Sum256(binary))}}
	// stdlib is no module's path, but the name that vulnerability databases know it by.
	b.Components = []component{module("library", &debug.Module{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")})}
	for _, m := range info.Deps {
		b.Components = append(b.Components, module("library", cmp.Or(m.Replace, m)))
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetIndent("", "  ")
	if err := e.Encode(b); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// module names a Go module as package URLs do:
// https://github.com/package-url/purl-spec/blob/main/types-doc/golang-definition.md.
func module(kind string, m *debug.Module) component {
	return component{Type: kind, Name: m.Path, Version: m.Version, PURL: "pkg:golang/" + strings.ToLower(m.Path) + "@" + m.Version}
}
