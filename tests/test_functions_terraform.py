"""Functions and all that belongs to them, by Terraform: applied, unchanged when planned again, destroyed."""

import json
import urllib.request

import pytest
from conftest import package

PLAN = """
terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
provider "aws" {
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}
resource "aws_iam_role" "role" {
  name = "terraform-functions"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}
resource "aws_sqs_queue" "failures" { name = "terraform-failures" }
resource "aws_iam_role_policy" "tell" {
  role = aws_iam_role.role.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sqs:*", Resource = "*" }]
  })
}
resource "aws_lambda_layer_version" "layer" {
  layer_name               = "terraform-layer"
  filename                 = "code.zip"
  source_code_hash         = filebase64sha256("code.zip")
  compatible_runtimes      = ["python3.11"]
  compatible_architectures = ["x86_64"]
  description              = "a layer"
}
resource "aws_lambda_layer_version_permission" "layer" {
  layer_name     = aws_lambda_layer_version.layer.layer_name
  version_number = aws_lambda_layer_version.layer.version
  statement_id   = "everybody"
  action         = "lambda:GetLayerVersion"
  principal      = "*"
}
resource "aws_lambda_code_signing_config" "signing" {
  allowed_publishers {
    signing_profile_version_arns = ["arn:aws:signer:eu-west-1:000000000000:/signing-profiles/test/abcdefghij"]
  }
  policies { untrusted_artifact_on_deployment = "Warn" }
  description = "signed"
}
resource "aws_lambda_function" "function" {
  function_name                  = "terraform-function"
  filename                       = "code.zip"
  source_code_hash               = filebase64sha256("code.zip")
  role                           = aws_iam_role.role.arn
  runtime                        = "python3.11"
  handler                        = "index.handler"
  publish                        = true
  timeout                        = 5
  memory_size                    = 256
  reserved_concurrent_executions = 5
  layers                         = [aws_lambda_layer_version.layer.arn]
  code_signing_config_arn        = aws_lambda_code_signing_config.signing.arn
  environment { variables = { WORD = "hei" } }
  ephemeral_storage { size = 1024 }
  tracing_config { mode = "Active" }
  dead_letter_config { target_arn = aws_sqs_queue.failures.arn }
  logging_config {
    log_format            = "JSON"
    application_log_level = "DEBUG"
    system_log_level      = "WARN"
  }
  tags       = { a = "b" }
  depends_on = [aws_iam_role_policy.tell]
}
resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "an alias"
  function_name    = aws_lambda_function.function.function_name
  function_version = aws_lambda_function.function.version
}
resource "aws_lambda_provisioned_concurrency_config" "live" {
  function_name                     = aws_lambda_alias.live.function_name
  qualifier                         = aws_lambda_alias.live.name
  provisioned_concurrent_executions = 2
}
resource "aws_lambda_function_url" "live" {
  function_name      = aws_lambda_function.function.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = "NONE"
  cors {
    allow_origins = ["*"]
    allow_methods = ["GET", "POST"]
    max_age       = 60
  }
}
resource "aws_lambda_function_url" "signed" {
  function_name      = aws_lambda_function.function.function_name
  authorization_type = "AWS_IAM"
}
resource "aws_lambda_function_event_invoke_config" "live" {
  function_name                = aws_lambda_function.function.function_name
  qualifier                    = aws_lambda_alias.live.name
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0
  destination_config {
    on_failure { destination = aws_sqs_queue.failures.arn }
  }
}
resource "aws_lambda_permission" "live" {
  statement_id   = "bucket"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.function.function_name
  qualifier      = aws_lambda_alias.live.name
  principal      = "s3.amazonaws.com"
  source_arn     = "arn:aws:s3:::bucket"
  source_account = "000000000000"
}
resource "aws_lambda_runtime_management_config" "function" {
  function_name     = aws_lambda_function.function.function_name
  update_runtime_on = "FunctionUpdate"
}
resource "aws_lambda_function_recursion_config" "function" {
  function_name  = aws_lambda_function.function.function_name
  recursive_loop = "Allow"
}
resource "aws_sqs_queue" "work" { name = "terraform-work" }
resource "aws_lambda_event_source_mapping" "work" {
  event_source_arn        = aws_sqs_queue.work.arn
  function_name           = aws_lambda_alias.live.arn
  batch_size              = 5
  function_response_types = ["ReportBatchItemFailures"]
  scaling_config { maximum_concurrency = 3 }
  filter_criteria {
    filter { pattern = jsonencode({ body = { kind = ["job"] } }) }
  }
  tags = { a = "b" }
}
data "aws_lambda_function" "function" { function_name = aws_lambda_function.function.function_name }
data "aws_lambda_alias" "live" {
  function_name = aws_lambda_function.function.function_name
  name          = aws_lambda_alias.live.name
}
output "url" { value = aws_lambda_function_url.live.function_url }
output "version" { value = data.aws_lambda_alias.live.function_version }
"""


@pytest.fixture
def terraform(terraform, tmp_path):
    """Terraform on this file's resources."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "main.tf").write_text(PLAN)
    (source / "code.zip").write_bytes(package({"index.py": "def handler(event, context):\n    return 'hei'\n"}))
    return terraform(source)


def test_applied_unchanged_destroyed(own_cloud, terraform):
    terraform("apply")
    # Exit code 2 would be a difference.
    terraform("plan", "-detailed-exitcode")
    output = json.loads(terraform("output", "-json"))
    assert output["version"]["value"] == "1"
    host = output["url"]["value"].split("/")[2]
    request = urllib.request.Request(own_cloud.url + "/", headers={"Host": host})
    with urllib.request.urlopen(request) as answer:
        assert answer.read() == b"hei"
    terraform("destroy")
    assert own_cloud.client("lambda").list_functions()["Functions"] == []
