package harness

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// recordTo is the file to which every decision of every [Env] is written, if
// RECORD_DECISIONS names one: one JSON object a line, each once.
var recordTo = sync.OnceValue(func() *decisionFile {
	name := os.Getenv("RECORD_DECISIONS")
	if name == "" {
		return nil
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(fmt.Sprintf("record decisions: %v", err))
	}
	return &decisionFile{file: file, written: map[[sha256.Size]byte]bool{}}
})

type decisionFile struct {
	mu      sync.Mutex
	file    *os.File
	written map[[sha256.Size]byte]bool
}

func (f *decisionFile) record(d aws.Decision) {
	line, err := json.Marshal(Timeless(d))
	if err != nil {
		panic(fmt.Sprintf("encode a decision: %v", err))
	}
	sum := sha256.Sum256(line)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.written[sum] {
		return
	}
	f.written[sum] = true
	if _, err := f.file.Write(append(line, '\n')); err != nil {
		panic(fmt.Sprintf("record a decision: %v", err))
	}
}

// Timeless returns the decision without the time of the call, unless a policy asks for
// it: the same is decided again and again. Policies of a layer are sorted.
func Timeless(d aws.Decision) aws.Decision {
	asked := false
	for _, policies := range d.Policies {
		slices.Sort(policies)
		for _, text := range policies {
			asked = asked || strings.Contains(strings.ToLower(text), "aws:currenttime")
		}
	}
	if !asked {
		delete(d.Context, "aws:currenttime")
	}
	return d
}
