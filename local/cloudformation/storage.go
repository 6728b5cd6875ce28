package cloudformation

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bitmovin/bitmovin-export-access/local/aws"
)

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html
type bucketProperties struct {
	BucketName        string `yaml:"BucketName"`
	OwnershipControls struct {
		Rules []struct {
			ObjectOwnership string `yaml:"ObjectOwnership"`
		} `yaml:"Rules"`
	} `yaml:"OwnershipControls"`
	VersioningConfiguration struct {
		Status string `yaml:"Status"`
	} `yaml:"VersioningConfiguration"`
	BucketEncryption struct {
		Configuration []struct {
			BucketKeyEnabled string `yaml:"BucketKeyEnabled"`
			Default          struct {
				Algorithm string `yaml:"SSEAlgorithm"`
				Key       string `yaml:"KMSMasterKeyID"`
			} `yaml:"ServerSideEncryptionByDefault"`
		} `yaml:"ServerSideEncryptionConfiguration"`
	} `yaml:"BucketEncryption"`
	ObjectLockEnabled       string `yaml:"ObjectLockEnabled"`
	ObjectLockConfiguration struct {
		Enabled string `yaml:"ObjectLockEnabled"`
		Rule    struct {
			Default struct {
				Mode string `yaml:"Mode"`
				Days string `yaml:"Days"`
			} `yaml:"DefaultRetention"`
		} `yaml:"Rule"`
	} `yaml:"ObjectLockConfiguration"`
	PublicAccessBlock *struct {
		BlockPublicAcls       string `yaml:"BlockPublicAcls"`
		BlockPublicPolicy     string `yaml:"BlockPublicPolicy"`
		IgnorePublicAcls      string `yaml:"IgnorePublicAcls"`
		RestrictPublicBuckets string `yaml:"RestrictPublicBuckets"`
	} `yaml:"PublicAccessBlockConfiguration"`
	LifecycleConfiguration any   `yaml:"LifecycleConfiguration"` // nothing here grows old enough
	Tags                   []tag `yaml:"Tags"`
}

func bucket(t task) (outcome, error) {
	var p bucketProperties
	if err := t.read(&p); err != nil {
		return outcome{}, err
	}
	name := t.name(p.BucketName, 63)
	if p.BucketName == "" {
		name = strings.ToLower(name)
	}
	err := t.edit(func(s *aws.State) error {
		b := s.Buckets[name]
		switch {
		case t.physicalID == "" && b != nil:
			return fmt.Errorf("%s already exists", name)
		case t.physicalID == "":
			b = &aws.Bucket{Name: name, Account: t.engine.options.Account, Region: t.engine.options.Region}
			s.Buckets[name] = b
		case b == nil:
			return errors.New("the specified bucket does not exist")
		}
		p.configure(b)
		return nil
	})
	return outcome{name, map[string]string{
		"Arn": "arn:aws:s3:::" + name, "DomainName": name + ".s3.amazonaws.com",
		"RegionalDomainName": name + ".s3." + t.engine.options.Region + ".amazonaws.com",
	}}, err
}

// configure gives a bucket its properties, and new buckets' defaults:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html.
func (p bucketProperties) configure(b *aws.Bucket) {
	b.Tags, b.Versioning = tags(p.Tags), p.VersioningConfiguration.Status
	b.Ownership = "BucketOwnerEnforced"
	for _, r := range p.OwnershipControls.Rules {
		b.Ownership = r.ObjectOwnership
	}
	b.Algorithm, b.KMSKey = "AES256", ""
	for _, c := range p.BucketEncryption.Configuration {
		b.Algorithm, b.KMSKey = c.Default.Algorithm, c.Default.Key
	}
	b.BlockPublicACLs = p.PublicAccessBlock == nil || p.PublicAccessBlock.BlockPublicAcls == "true"
	b.LockEnabled, b.Lock = p.ObjectLockEnabled == "true", nil
	if b.LockEnabled {
		b.Versioning = "Enabled" // object lock turns it on
	}
	if r := p.ObjectLockConfiguration.Rule.Default; r.Mode != "" {
		days, _ := strconv.Atoi(r.Days)
		b.Lock = &aws.Retention{Mode: r.Mode, Days: days}
	}
}

func removeBucket(t task) error {
	return t.edit(func(s *aws.State) error {
		if b := s.Buckets[t.physicalID]; b != nil && len(b.Versions) > 0 {
			return errors.New("the bucket you tried to delete is not empty")
		}
		delete(s.Buckets, t.physicalID)
		return nil
	})
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucketpolicy.html
func bucketPolicy(t task) (outcome, error) {
	var p struct {
		Bucket         string `yaml:"Bucket"`
		PolicyDocument any    `yaml:"PolicyDocument"`
	}
	if err := t.read(&p); err != nil {
		return outcome{}, err
	}
	text, err := document(p.PolicyDocument)
	if err != nil {
		return outcome{}, err
	}
	err = t.edit(func(s *aws.State) error {
		b := s.Buckets[p.Bucket]
		switch {
		case b == nil:
			return errors.New("the specified bucket does not exist")
		case t.physicalID == "" && b.Policy != "":
			return fmt.Errorf("the bucket policy already exists on bucket %s", p.Bucket)
		}
		if err := s.Check(aws.LayerResource, text); err != nil {
			return fmt.Errorf("bucket policy: %w", err)
		}
		b.Policy = text
		return nil
	})
	return outcome{physicalID: p.Bucket}, err
}

func removeBucketPolicy(t task) error {
	return t.edit(func(s *aws.State) error {
		if b := s.Buckets[t.physicalID]; b != nil {
			b.Policy = ""
		}
		return nil
	})
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kms-key.html
func key(t task) (outcome, error) {
	var p struct {
		Description         string `yaml:"Description"`
		KeyPolicy           any    `yaml:"KeyPolicy"`
		EnableKeyRotation   string `yaml:"EnableKeyRotation"`
		PendingWindowInDays string `yaml:"PendingWindowInDays"`
		Tags                []tag  `yaml:"Tags"`
	}
	if err := t.read(&p); err != nil {
		return outcome{}, err
	}
	text, err := document(p.KeyPolicy)
	if err != nil {
		return outcome{}, err
	}
	id := t.physicalID
	if id == "" {
		id = t.engine.ids.UUID("key", t.stack.id, t.logicalID)
	}
	arn := t.arn("kms", "key/"+id)
	err = t.edit(func(s *aws.State) error {
		if err := s.Check(aws.LayerKey, text); err != nil {
			return fmt.Errorf("key policy: %w", err)
		}
		if s.Keys[arn] == nil {
			s.Keys[arn] = &aws.Key{ARN: arn, State: "Enabled"}
		}
		s.Keys[arn].Policy = text
		return nil
	})
	return outcome{id, map[string]string{"Arn": arn, "KeyId": id}}, err
}

// removeKey only plans a key's deletion, as KMS does.
func removeKey(t task) error {
	return t.edit(func(s *aws.State) error {
		if k := s.Keys[t.arn("kms", "key/"+t.physicalID)]; k != nil {
			k.State = "PendingDeletion"
		}
		return nil
	})
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html
func logGroup(t task) (outcome, error) {
	var p struct {
		LogGroupName    string `yaml:"LogGroupName"`
		RetentionInDays string `yaml:"RetentionInDays"`
		Tags            []tag  `yaml:"Tags"`
	}
	if err := t.read(&p); err != nil {
		return outcome{}, err
	}
	name := t.name(p.LogGroupName, 512)
	days, err := strconv.Atoi(p.RetentionInDays)
	if p.RetentionInDays != "" && err != nil {
		return outcome{}, fmt.Errorf("retention: %w", err)
	}
	err = t.edit(func(s *aws.State) error {
		if t.physicalID == "" && s.LogGroups[name] != nil {
			return fmt.Errorf("the log group %s already exists", name)
		}
		s.LogGroups[name] = &aws.LogGroup{Name: name, Retention: days}
		return nil
	})
	return outcome{name, map[string]string{"Arn": t.arn("logs", "log-group:"+name+":*")}}, err
}

func removeLogGroup(t task) error {
	return t.edit(func(s *aws.State) error {
		delete(s.LogGroups, t.physicalID)
		return nil
	})
}
