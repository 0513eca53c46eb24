"""What botocore makes of AWS files and variables, for tests/vectors/aws_files.json.

    python3 ask.py FILE            prints {"version": ..., "answers": {name: answer}}
    python3 ask.py --record FILE   writes the answers into the file

No request is sent, and nothing of this machine's own settings is read.
"""

import json
import os
import sys
import tempfile
import urllib.parse

import botocore
import botocore.loaders
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config

BUCKET = "fleet-site"
STATIC = ("env", "shared-credentials-file", "config-file")
# Reading what botocore knows of S3 takes longer than all else: once is enough.
LOADER = botocore.loaders.create_loader()


def ask(case):
    with tempfile.TemporaryDirectory() as home:
        for name, content in case["files"].items():
            path = os.path.join(home, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(content)
        os.environ.clear()
        os.environ.update(
            {name: value.replace("HOME", home) for name, value in case["env"].items()},
            HOME=home,
            AWS_EC2_METADATA_DISABLED="true",
            BOTO_CONFIG=os.path.join(home, "none"),
        )
        try:
            return answer(case)
        except Exception as error:  # what it is called is the answer
            return {"error": type(error).__name__}


def answer(case):
    session = botocore.session.Session(profile=case.get("profile"))
    session.register_component("data_loader", LOADER)
    region = session.get_config_variable("region")
    credentials = session.get_component("credential_provider").load_credentials()
    found = {
        "profile": session.get_config_variable("profile"),
        "region": region,
        "endpoint": None,
    }
    session.get_scoped_config()
    client = session.create_client(
        "s3",
        region_name=region or "us-east-1",
        config=Config(signature_version=UNSIGNED),
    )
    endpoint = client.meta.endpoint_url
    if "amazonaws" not in endpoint:
        found["endpoint"] = endpoint
    url = client.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "k"})
    host = urllib.parse.urlsplit(url).hostname
    found["pathStyle"] = not host.startswith(BUCKET + ".")
    if credentials is None:
        return {**found, "method": None}
    method = credentials.method
    if method not in STATIC:
        return {**found, "method": method}
    return {
        **found,
        "method": method,
        "accessKey": credentials.access_key,
        "secretKey": credentials.secret_key,
        "sessionToken": credentials.token,
    }


def main():
    record = sys.argv[1] == "--record"
    path = sys.argv[-1]
    with open(path, encoding="utf-8") as file:
        table = json.load(file)
    answers = {case["name"]: ask(case) for case in table["cases"]}
    if not record:
        print(json.dumps({"version": botocore.__version__, "answers": answers}))
        return
    table["botocore"] = botocore.__version__
    for case in table["cases"]:
        case["answer"] = answers[case["name"]]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(table, file, indent=1, ensure_ascii=False)
        file.write("\n")


main()
