package customresource

import (
	"errors"
	"net/url"
	"strings"
)

// minSecret is the length from which on a value in the ResponseURL's query is
// taken for a part of the signature. Shorter ones, an expiry or the name of a
// header, are no secret, and may well be words of an honest error.
const minSecret = 16

// newRedactor returns what takes the secrets of one event out of a text: the
// query of its ResponseURL and the long values in it, as they are and decoded.
func newRedactor(u *url.URL) *strings.Replacer {
	var pairs []string
	hide := func(secret string) {
		if len(secret) >= minSecret {
			pairs = append(pairs, secret, "[redacted]")
		}
	}
	hide(u.RawQuery)
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		hide(value)
		if plain, err := url.QueryUnescape(value); err == nil {
			hide(plain)
		}
	}
	return strings.NewReplacer(pairs...)
}

// redact returns err as a text without the event's secrets. The errors that it
// wraps are gone, for they would still tell.
func (r *Request) redact(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(r.secrets.Replace(err.Error()))
}
