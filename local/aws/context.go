package aws

import (
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
)

// Condition keys have one value in a request, or many.
const (
	single = 1
	many   = 2
)

// conditionKeys are the condition keys that decide and the services supply, or
// that are rightly absent because there is no such thing here: organizations,
// VPCs and services that call on somebody's behalf unless a service says so. A
// key that ends in a slash or a colon stands for all that begin with it.
//
// A key that is known but not supplied is absent, and a Deny that waits for it
// never bites: whoever adds a key here must supply it wherever AWS does.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
var conditionKeys = map[string]int{
	"aws:calledvia":              many,
	"aws:currenttime":            single,
	"aws:multifactorauthpresent": single,
	"aws:principalaccount":       single,
	"aws:principalarn":           single,
	"aws:principalisawsservice":  single,
	"aws:principalorgid":         single,
	"aws:principalorgpaths":      many,
	"aws:principalservicename":   single,
	"aws:principaltag/":          single,
	"aws:principaltype":          single,
	"aws:requestedregion":        single,
	"aws:requesttag/":            single,
	"aws:resourceaccount":        single,
	"aws:resourceorgid":          single,
	"aws:resourcetag/":           single,
	"aws:securetransport":        single,
	"aws:sourceaccount":          single,
	"aws:sourcearn":              single,
	"aws:sourceip":               single,
	"aws:sourcevpc":              single,
	"aws:sourcevpce":             single,
	"aws:tagkeys":                many,
	"aws:userid":                 single,
	"aws:username":               single,
	"aws:viaawsservice":          single,

	"iam:permissionsboundary": single,
	"iam:policyarn":           single,
	"iam:resourcetag/":        single,

	"kms:calleraccount":         single,
	"kms:encryptioncontext:":    single,
	"kms:encryptioncontextkeys": many,
	"kms:resourcealiases":       many,
	"kms:viaservice":            single,

	"s3:if-none-match":                single,
	"s3:max-keys":                     single,
	"s3:objectcreationoperation":      single,
	"s3:prefix":                       single,
	"s3:resourceaccount":              single,
	"s3:versionid":                    single,
	"s3:x-amz-acl":                    single,
	"s3:x-amz-server-side-encryption": single,
	"s3:x-amz-server-side-encryption-aws-kms-key-id": single,

	"sts:externalid":      single,
	"sts:rolesessionname": single,
}

// keyFamily finds the slash or colon that ends the fixed part of a key.
var keyFamily = regexp.MustCompile(`^([^/]+/|kms:encryptioncontext:)`)

// cardinality tells whether a key, in lower case, has one value or many. A key
// that is not known is an error.
func cardinality(key string) (int, error) {
	if n, ok := conditionKeys[key]; ok {
		return n, nil
	}
	if n, ok := conditionKeys[keyFamily.FindString(key)]; ok {
		return n, nil
	}
	return 0, fmt.Errorf("the condition key %q is not known here", key)
}

// A keyContext holds the condition keys of a request by lower-case key.
type keyContext map[string][]string

// context is the request's Context with what follows from its caller.
func (r *request) context() (keyContext, error) {
	c := r.Caller
	ctx := keyContext{
		"aws:viaawsservice":         {"false"},
		"aws:principalisawsservice": {strconv.FormatBool(c.Service != "")},
		"aws:resourceaccount":       {r.ResourceAccount},
		"s3:resourceaccount":        {r.ResourceAccount},
	}
	switch {
	case c.Service != "":
		ctx["aws:principalservicename"] = []string{c.Service}
	case c.Session != "":
		ctx["aws:principaltype"] = []string{"AssumedRole"}
		ctx["aws:multifactorauthpresent"] = []string{"false"}
	case c.ARN != "":
		ctx["aws:principaltype"] = []string{"User"}
		ctx["aws:username"] = []string{c.ARN[strings.LastIndex(c.ARN, "/")+1:]}
	default:
		ctx["aws:principaltype"] = []string{"Anonymous"}
		ctx["aws:userid"] = []string{"anonymous"}
	}
	if c.UserID != "" {
		ctx["aws:userid"] = []string{c.UserID}
	}
	for tag, value := range c.Tags {
		ctx["aws:principaltag/"+strings.ToLower(tag)] = []string{value}
	}
	if c.ARN != "" {
		ctx["aws:principalarn"] = []string{c.ARN}
		ctx["aws:principalaccount"] = []string{c.Account}
		ctx["kms:calleraccount"] = []string{c.Account}
	}
	maps.Copy(ctx, r.Context)
	return ctx, ctx.check()
}

// check refuses keys that no policy could use: a service that supplies one
// misspells it.
func (ctx keyContext) check() error {
	for key, values := range ctx {
		n, err := cardinality(key)
		if err != nil {
			return err
		}
		if n == single && len(values) != 1 {
			return fmt.Errorf("the condition key %q has %d values", key, len(values))
		}
	}
	return nil
}

// expand puts the values of policy variables into a policy's text. It is not
// resolved if the request does not have the key; such a text matches nothing.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
func (ctx keyContext) expand(t string, variables, wild bool) (g glob, resolved bool, err error) {
	for variables {
		before, rest, found := strings.Cut(t, "${")
		if !found {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, false, fmt.Errorf("a policy variable is not closed in %q", t)
		}
		value, err := ctx.variable(name)
		if err != nil || value == nil {
			return nil, false, err
		}
		g = append(append(g, symbols(before, wild)...), symbols(value[0], false)...)
		t = after
	}
	return append(g, symbols(t, wild)...), true, nil
}

// variable returns the one value of a policy variable, or nil.
func (ctx keyContext) variable(name string) ([]string, error) {
	if name == "*" || name == "?" || name == "$" {
		return []string{name}, nil
	}
	key := strings.ToLower(name)
	switch n, err := cardinality(key); {
	case err != nil:
		return nil, fmt.Errorf("policy variable: %w", err)
	case n == many:
		return nil, fmt.Errorf("policy variable: the condition key %q has many values", key)
	}
	return ctx[key], nil
}
