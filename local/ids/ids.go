// Package ids makes up the ids that services give to what they make. They follow
// from a seed and from what they are for, and so a run with the same seed has the
// same ids, in whatever order things of several names are made side by side.
package ids

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"sync"
)

// A Source makes ids: another one each time that it is asked for the same thing's.
type Source struct {
	seed uint64

	mu   sync.Mutex
	made map[string]int
}

// New returns the source of a seed; without one (0), of a random seed.
func New(seed uint64) *Source {
	if seed == 0 {
		var b [8]byte
		rand.Read(b[:]) // never fails: https://pkg.go.dev/crypto/rand#Read
		seed = binary.NativeEndian.Uint64(b[:])
	}
	return &Source{seed: seed, made: map[string]int{}}
}

func (s *Source) sum(what []any) [sha256.Size]byte {
	key := fmt.Sprintf("%q", what)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made[key]++
	return sha256.Sum256(fmt.Appendf(nil, "%d %d %s", s.seed, s.made[key], key))
}

// UUID returns a UUID (RFC 9562, version 4).
func (s *Source) UUID(what ...any) string {
	b := s.sum(what)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// Hex returns 64 hexadecimal digits.
func (s *Source) Hex(what ...any) string {
	b := s.sum(what)
	return hex.EncodeToString(b[:])
}

// Text returns 13 capitals and digits.
func (s *Source) Text(what ...any) string {
	b := s.sum(what)
	return base32.StdEncoding.EncodeToString(b[:])[:13]
}

// Uint64 returns a number.
func (s *Source) Uint64(what ...any) uint64 {
	b := s.sum(what)
	return binary.BigEndian.Uint64(b[:])
}
