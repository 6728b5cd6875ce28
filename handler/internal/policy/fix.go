package policy

// What an author pastes into a policy to resolve a denial. In a policy of another
// owner it names the roles by the condition key aws:PrincipalArn below their
// account's root, since a resource policy that names a role which does not
// exist is refused. The ARNs of roles may be patterns: ArnEquals and ArnLike
// are one to IAM.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN

import "fmt"

// grantSid is the Sid of every statement that is to be pasted.
const grantSid = "BitmovinExportAccess"

// Needs is the statement that allows the four actions, for a policy that caps
// what a role may do.
func (b Bucket) Needs() Statement {
	return Statement{
		Sid:      grantSid,
		Effect:   "Allow",
		Action:   Values{GetBucketLocation, ListBucket, PutObject, PutObjectACL},
		Resource: Values{b.ARN(), b.Objects()},
	}
}

// Needs is the statement that allows the use of the key through S3, for a policy
// that caps what a role may do. Of a key that is not known it names any.
func (k Key) Needs() Statement {
	if k.ARN == "" {
		return Allow(kmsActions(), "*")
	}
	s := k.Permissions()[0]
	s.Sid = grantSid
	return s
}

// BucketGrant is the statement for a bucket policy that lets roles of the
// account do the four actions.
func BucketGrant(b Bucket, account, roleARN string) Statement {
	return Grant(b.Needs(), b.Partition, account, roleARN)
}

// KeyGrant is the statement for a key policy that lets roles of the account use
// the key. In a key policy the resource "*" is the key itself.
// https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html
func KeyGrant(partition, account, roleARN string) Statement {
	return Grant(Allow(kmsActions(), "*"), partition, account, roleARN)
}

// Grant is the statement for the policy of a resource that allows roles of the
// account what s allows.
func Grant(s Statement, partition, account, roleARN string) Statement {
	s.Principal = map[string]Values{"AWS": {"arn:" + partition + ":iam::" + account + ":root"}}
	s.Condition = principalIs(roleARN)
	return s
}

// EndpointGrant is a statement for a VPC endpoint's policy, which must have a
// Principal and may not name one.
// https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
func EndpointGrant(s Statement, roleARN string) Statement {
	return Statement{
		Sid:       s.Sid,
		Effect:    s.Effect,
		Principal: map[string]Values{"AWS": {"*"}},
		Action:    s.Action,
		Resource:  s.Resource,
		Condition: principalIs(roleARN),
	}
}

// Allow is the statement that allows actions on a resource.
func Allow(actions []string, resource string) Statement {
	return Statement{Sid: grantSid, Effect: "Allow", Action: actions, Resource: Values{resource}}
}

// Exempt is the condition, as JSON, that takes roles out of a Deny statement.
func Exempt(roleARN string) string {
	return fmt.Sprintf(`{"ArnNotEquals":{"aws:PrincipalArn":%q}}`, roleARN)
}

func principalIs(roleARN string) map[string]Condition {
	return map[string]Condition{"ArnEquals": {"aws:PrincipalArn": {roleARN}}}
}
