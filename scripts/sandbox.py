#!/usr/bin/env python3
"""An AWS on this machine, for the real tools: MiniStack with what it lacks.

usage: sandbox.py [--bucket NAME] [--json]

Starts MiniStack (https://pypi.org/project/ministack/) on a free port of the
loopback address, with IAM enforced, makes a bucket, prints what to type next,
and runs until Ctrl-C. Whoever reaches it runs code on this machine, so it
listens nowhere else. Its state is in a directory of its own, which goes with it.

With --json it prints one line of JSON, the variables that a client needs, and
runs until its standard input ends: nothing is left if who started it dies.

What MiniStack lacks is added by wrapping functions of it, each beside the page
of AWS's that says how it is there. A version that no longer has them, or no
longer calls them so, does not start.
"""

import argparse
import functools
import importlib
import inspect
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ADDRESS = "127.0.0.1"
REGION = "us-east-1"
ROOT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
PROJECT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PATH = os.path.join(PROJECT, ".aws-sam", "tools", "bin")
START_SECONDS = 300


# --- What MiniStack lacks. ---


def hook(module, name, parameters, caller, call):
    """Replaces module.name by what the decorated function makes of it.

    The function must have these parameters, and the source of the module
    caller must contain call: else this version of MiniStack is another one
    than the hooks were written for, and would silently go without them.
    """

    def install(wrap):
        target = importlib.import_module(module)
        original = getattr(target, name, None)
        found = list(inspect.signature(original).parameters) if callable(original) else None
        if found != parameters:
            sys.exit(f"sandbox: MiniStack's {module}.{name} takes {found}, not {parameters}: adapt {__file__}")
        if call not in inspect.getsource(importlib.import_module(caller)):
            sys.exit(f"sandbox: MiniStack's {caller} has no call {call!r}: adapt {__file__}")
        setattr(target, name, functools.wraps(original)(functools.partial(wrap, original)))
        return wrap

    return install


def role_of(name):
    """The role of that name as MiniStack keeps it, or {}."""
    from ministack.services import iam

    return iam._roles.get(name) or {}


def first(params, name):
    value = params.get(name) or ""
    return (value[0] if value else "") if isinstance(value, list) else value


def add_what_is_missing():
    # Roles have paths, and policies are about the whole ARN:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
    @hook(
        "ministack.core.iam_actions",
        "extract_resource_arn",
        ["service", "method", "path", "headers", "body", "query_params", "region", "account_id"],
        "ministack.app",
        "resource_arn = extract_resource_arn(\n                service, method, path, headers, body, routing_params",
    )
    def with_path(original, service, method, path, headers, body, query_params, region, account_id):
        name = first(query_params, "RoleName")
        if service != "iam" or not name:
            return original(service, method, path, headers, body, query_params, region, account_id)
        if first(query_params, "Action") == "CreateRole":
            return f"arn:aws:iam::{account_id}:role{first(query_params, 'Path') or '/'}{name}"
        return role_of(name).get("Arn") or f"arn:aws:iam::{account_id}:role/{name}"

    # iam:PermissionsBoundary is the one that the request sets, else the one that the role has; iam:PolicyARN is the
    # policy that is attached or detached:
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    @hook(
        "ministack.core.iam_actions",
        "request_tag_context",
        ["service", "iam_action", "body", "params"],
        "ministack.app",
        "**request_tag_context(service, iam_action, body, routing_params)",
    )
    def with_iam_keys(original, service, iam_action, body, params):
        context = original(service, iam_action, body, params)
        if service != "iam":
            return context
        action = iam_action.removeprefix("iam:")
        boundary = None
        if action in ("CreateRole", "PutRolePermissionsBoundary"):
            boundary = first(params, "PermissionsBoundary")
        elif action in (
            "AttachRolePolicy",
            "DeleteRolePermissionsBoundary",
            "DeleteRolePolicy",
            "DetachRolePolicy",
            "PutRolePolicy",
        ):
            boundary = role_of(first(params, "RoleName")).get("PermissionsBoundary")
        if boundary:
            context = {**context, "iam:permissionsboundary": boundary}
        if action in ("AttachRolePolicy", "DetachRolePolicy"):
            context = {**context, "iam:policyarn": first(params, "PolicyArn")}
        return context

    # aws:PrincipalArn of a role's session is the role's ARN, with its path; and aws:SecureTransport is true, for AWS's
    # own endpoints are https, policies that deny anything else are common, and here is no TLS:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-securetransport
    @hook(
        "ministack.core.iam_evaluator",
        "_resolve_condition_key",
        ["key", "ctx"],
        "ministack.core.iam_evaluator",
        "actual = _resolve_condition_key(key, ctx)",
    )
    def as_on_aws(original, key, ctx):
        if key.lower() == "aws:securetransport":
            return "true"
        value = original(key, ctx)
        if key.lower() == "aws:principalarn" and ":assumed-role/" in value:
            name = value.split(":assumed-role/", 1)[1].split("/", 1)[0]
            return role_of(name).get("Arn") or value
        return value

    # A resource is in progress while its event is out:
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
    # Whether a resource without an id, or with a former one, shows is not documented: those stay as they are.
    @hook(
        "ministack.services.cloudformation.custom_resource",
        "invoke_custom_resource",
        [
            "request_type",
            "logical_id",
            "props",
            "stack_name",
            "stack_id",
            "resource_type",
            "physical_id",
            "old_props",
        ],
        "ministack.services.cloudformation.provisioners",
        "_cr.invoke_custom_resource(",
    )
    def in_progress(original, request_type, logical_id, props, stack_name, *args, **kwargs):
        from ministack.services.cloudformation import _stacks

        resource = (_stacks.get(stack_name) or {}).get("_resources", {}).get(logical_id)
        if not resource or resource.get("PhysicalResourceId") != kwargs.get("physical_id"):
            return original(request_type, logical_id, props, stack_name, *args, **kwargs)
        before = resource["ResourceStatus"]
        resource["ResourceStatus"] = f"{request_type.upper()}_IN_PROGRESS"
        try:
            return original(request_type, logical_id, props, stack_name, *args, **kwargs)
        finally:
            resource["ResourceStatus"] = before


def end_with_parent():
    """Ends this process and the functions that it runs when who started it is gone, however that ended."""
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)


def serve():
    """What the started process does: MiniStack, hooked."""
    try:
        importlib.import_module("ministack.app")
    except ImportError as error:
        sys.exit(f"sandbox: this python3 has no MiniStack ({error}): run make sandbox")
    add_what_is_missing()
    threading.Thread(target=end_with_parent, daemon=True).start()
    sys.argv = ["ministack"]
    importlib.import_module("ministack.app").main()


# --- Starting and stopping it. ---


def free_port():
    with socket.socket() as s:
        s.bind((ADDRESS, 0))
        return s.getsockname()[1]


def start(directory, port, log):
    """Starts MiniStack in a process group of its own, with the functions that it runs."""
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MINISTACK_", "LOCALSTACK_"))},
        **ROOT,
        "AUTH": "true",  # IAM decides
        "AWS_DEFAULT_REGION": REGION,
        # The functions inherit it, and answer CloudFormation there.
        "AWS_ENDPOINT_URL": f"http://localhost:{port}",
        "BIND_HOST": ADDRESS,
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "MINISTACK_HOST": "localhost",
        "NO_PROXY": "*",
        "S3_DATA_DIR": os.path.join(directory, "s3"),
        "SFTP_ENABLED": "0",
        "STATE_DIR": os.path.join(directory, "state"),
        "TMPDIR": directory,
    }
    return subprocess.Popen(
        [sys.executable, os.path.abspath(__file__), "--serve"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def wait_until_ready(server, port, log, ended):
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            with direct.open(f"http://{ADDRESS}:{port}/_ministack/health", timeout=5):
                return
        except OSError:
            if ended.wait(0.1):
                sys.exit("sandbox: interrupted")
    log.seek(0)
    sys.exit(f"sandbox: MiniStack did not start:\n{log.read().decode(errors='replace')}")


def stop(server):
    """Ends MiniStack and every function that it runs."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, sent)
        except ProcessLookupError:
            break
        try:
            server.wait(timeout=5)
        except subprocess.TimeoutExpired:
            continue


def make_bucket(port, name):
    import boto3
    from botocore.config import Config

    boto3.client(
        "s3",
        endpoint_url=f"http://{ADDRESS}:{port}",
        region_name=REGION,
        aws_access_key_id=ROOT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ROOT["AWS_SECRET_ACCESS_KEY"],
        config=Config(proxies={}, s3={"addressing_style": "path"}),
    ).create_bucket(Bucket=name)


def variables(port):
    """What the SAM CLI, the AWS CLI and the build need to work with the sandbox."""
    machine = platform.machine().lower()
    return {
        **ROOT,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": f"http://{ADDRESS}:{port}",
        # It runs the function on this machine's processor, whatever the template says.
        "FUNCTION_ARCH": {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64"}.get(machine, machine),
        # A proxy of the user's does not reach this machine; the tools that are Python ask either name.
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "SAM_CLI_TELEMETRY": "0",
    }


GUIDE = """\
An AWS on this machine, until Ctrl-C here: nothing of it reaches, or costs, an account.
In another terminal, in {project}:

  unset AWS_PROFILE AWS_SESSION_TOKEN
{exports}
  export PATH="{path}:$PATH"

  sam build
  sam deploy --no-confirm-changeset --parameter-overrides BucketName={bucket}

Deny the role a write, and see how the update fails, what to paste where, and that the stack is as before:

  aws s3api put-bucket-policy --bucket {bucket} --policy '{deny}'
  sam deploy --no-confirm-changeset --parameter-overrides BucketName={bucket} VerificationTrigger=again
  {reasons}

Delete it:

  sam delete --no-prompts

docs/operations.md says what it does not show.
"""


REASONS = (
    "aws cloudformation describe-stack-events --stack-name bitmovin-export-access --output text"
    " --query \"StackEvents[?ends_with(ResourceStatus, '_FAILED')].[LogicalResourceId, ResourceStatusReason]\""
)


def guide(bucket, port):
    deny = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Resource": f"arn:aws:s3:::{bucket}/*",
            }
        ],
    }
    exports = "\n".join(f"  export {name}={value}" for name, value in variables(port).items())
    return GUIDE.format(project=PROJECT, exports=exports, path=PATH, bucket=bucket, deny=json.dumps(deny), reasons=REASONS)


def run(arguments):
    directory = tempfile.mkdtemp(prefix="sandbox-")
    port = free_port()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    with open(os.path.join(directory, "ministack.log"), "w+b") as log:
        server = start(directory, port, log)
        try:
            wait_until_ready(server, port, log, ended)
            make_bucket(port, arguments.bucket)
            if arguments.json:
                print(json.dumps({**variables(port), "PATH": PATH, "SANDBOX_LOG": log.name}), flush=True)
                threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
            else:
                print(guide(arguments.bucket, port), flush=True)
            while not ended.wait(0.5):
                if server.poll() is not None:
                    log.seek(0)
                    sys.exit(f"sandbox: MiniStack ended:\n{log.read().decode(errors='replace')}")
        finally:
            stop(server)
            shutil.rmtree(directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description="An AWS on this machine: MiniStack with what it lacks.")
    parser.add_argument("--bucket", default="my-analytics-exports", help="the bucket to make (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the variables as JSON; run until stdin ends")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
    else:
        run(arguments)


if __name__ == "__main__":
    main()
