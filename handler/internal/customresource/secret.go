package customresource

func (r *Request) redact(s string) string { return s }
