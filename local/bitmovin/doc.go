// Package bitmovin is Bitmovin's API on a desk, as far as it is about analytics
// outputs: envelope, keys and organizations, external id modes, pages, rate
// limit and errors. It follows https://developer.bitmovin.com/encoding/reference
// and the models of https://github.com/bitmovin/bitmovin-api-sdk-go.
//
// What these do not say, such as whether an answer repeats the external id, a
// test decides; see [State].
package bitmovin
