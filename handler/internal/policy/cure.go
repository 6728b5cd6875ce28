package policy

// What an author pastes into a policy of another owner to mend a denial. Each
// names the role by the condition key aws:PrincipalArn below its account's root,
// since a resource policy that names a role which does not exist is refused.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn

import "fmt"

// BucketGrant is the statement for a bucket policy that lets the role of the
// account do the four actions.
func BucketGrant(b Bucket, account, roleARN string) Statement {
	return grant(b.Partition, account, roleARN, Statement{
		Sid:      "BitmovinExportAccess",
		Action:   Values{GetBucketLocation, ListBucket, PutObject, PutObjectACL},
		Resource: Values{b.ARN(), b.Objects()},
	})
}

// KeyGrant is the statement for a key policy that lets the role of the account
// use the key. In a key policy the resource "*" is the key itself.
// https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html
func KeyGrant(partition, account, roleARN string) Statement {
	return grant(partition, account, roleARN, Statement{
		Sid:      "BitmovinExportAccess",
		Action:   kmsActions(),
		Resource: Values{"*"},
	})
}

func grant(partition, account, roleARN string, s Statement) Statement {
	s.Effect = "Allow"
	s.Principal = map[string]Values{"AWS": {"arn:" + partition + ":iam::" + account + ":root"}}
	s.Condition = map[string]Condition{"ArnEquals": {"aws:PrincipalArn": {roleARN}}}
	return s
}

// Allow is the statement for a policy that caps what its subjects may do, such
// as a permissions boundary.
func Allow(actions []string, resource string) Statement {
	return Statement{Sid: "BitmovinExportAccess", Effect: "Allow", Action: actions, Resource: Values{resource}}
}

// Exempt is the condition, as JSON, that takes the role out of a Deny statement.
func Exempt(roleARN string) string {
	return fmt.Sprintf(`{"ArnNotEquals":{"aws:PrincipalArn":%q}}`, roleARN)
}
