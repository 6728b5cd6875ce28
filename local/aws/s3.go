package aws

func (k *call) nameS3() {}

func (c *Cloud) s3(k *call) (*reply, error) { return nil, NotImplemented("%s", k.Op) }
