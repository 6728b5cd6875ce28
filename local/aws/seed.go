package aws

// What others keep in every account's reach.
const (
	bitmovinUser        = "arn:aws:iam::630681592166:user/bitmovinCustomerS3Access"
	s3FullAccess        = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
	administratorAccess = "arn:aws:iam::aws:policy/AdministratorAccess"
	assumeAny           = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`
)

// seed returns the state of a new cloud. The policies are AWS's own:
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonS3FullAccess.html
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AdministratorAccess.html
func seed() *State {
	return &State{
		Roles: map[string]*Role{}, Buckets: map[string]*Bucket{}, Keys: map[string]*Key{},
		Secrets: map[string]string{}, SecretKeys: map[string]string{}, LogGroups: map[string]*LogGroup{},
		Users: map[string]*User{bitmovinUser: {ARN: bitmovinUser, Inline: map[string]string{"AssumeRoles": assumeAny}}},
		Policies: map[string]*ManagedPolicy{
			s3FullAccess:        {s3FullAccess, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","s3-object-lambda:*"],"Resource":"*"}]}`},
			administratorAccess: {administratorAccess, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`},
		},
	}
}
