# Every kind of resource of the pipeline, with the settings that the job offers example has no use for.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

provider "aws" {
  region            = "eu-west-1"
  s3_use_path_style = true
}

variable "folder" {
  description = "Where code.zip and layer.zip are"
}

# What the second apply changes, of each kind of resource.
variable "turn" {
  type    = number
  default = 1
}

data "aws_caller_identity" "me" {}
data "aws_region" "here" {}
data "aws_partition" "this" {}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "may" {
  statement {
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [aws_sqs_queue.work.arn]
  }
  statement {
    sid       = "Turn${var.turn}"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.data.arn}/*"]
    condition {
      test     = "StringEquals"
      variable = "aws:RequestedRegion"
      values   = [data.aws_region.here.name]
    }
  }
}

resource "aws_s3_bucket" "data" {
  bucket        = "pipeline-data"
  force_destroy = true
  tags          = { turn = var.turn }
}

resource "aws_s3_bucket_versioning" "data" {
  bucket = aws_s3_bucket.data.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_object" "code" {
  bucket = aws_s3_bucket.data.id
  key    = "code with space+.zip"
  source = "${var.folder}/code.zip"
  etag   = filemd5("${var.folder}/code.zip")
  tags   = { turn = var.turn }

  depends_on = [aws_s3_bucket_versioning.data]
}

resource "aws_sqs_queue" "dead" {
  name                      = "pipeline-dead"
  message_retention_seconds = 1209600
  tags                      = { turn = var.turn }
}

resource "aws_sqs_queue" "work" {
  name                       = "pipeline-work"
  visibility_timeout_seconds = 60 * var.turn
  delay_seconds              = var.turn
  message_retention_seconds  = 3600
  max_message_size           = 2048
  receive_wait_time_seconds  = 5
  sqs_managed_sse_enabled    = true
  redrive_policy             = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead.arn, maxReceiveCount = 3 + var.turn })
  tags                       = { turn = var.turn }
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "notices"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "arn:${data.aws_partition.this.partition}:sqs:${data.aws_region.here.name}:${data.aws_caller_identity.me.account_id}:pipeline-work"
      Condition = { ArnLike = { "aws:SourceArn" = aws_s3_bucket.data.arn } }
    }]
  })
}

resource "aws_sqs_queue" "ordered" {
  name                        = "pipeline.fifo"
  fifo_queue                  = true
  content_based_deduplication = true
  deduplication_scope         = "messageGroup"
  fifo_throughput_limit       = "perMessageGroupId"
}

resource "aws_s3_bucket_notification" "data" {
  bucket = aws_s3_bucket.data.id

  queue {
    id            = "rows"
    queue_arn     = aws_sqs_queue.work.arn
    events        = ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"]
    filter_prefix = "in/${var.turn}/"
    filter_suffix = ".csv"
  }
}

resource "aws_iam_role" "function" {
  name                 = "pipeline-function"
  path                 = "/pipeline/"
  description          = "Turn ${var.turn}"
  max_session_duration = 7200
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  tags                 = { turn = var.turn }
}

resource "aws_iam_role_policy" "function" {
  name   = "may"
  role   = aws_iam_role.function.id
  policy = data.aws_iam_policy_document.may.json
}

resource "aws_iam_policy" "own" {
  name        = "pipeline-own"
  description = "Of the customer's own"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["dynamodb:PutItem", "dynamodb:Turn${var.turn}*"], Resource = "*" }]
  })
  tags = { turn = var.turn }
}

resource "aws_iam_role_policy_attachment" "own" {
  role       = aws_iam_role.function.name
  policy_arn = aws_iam_policy.own.arn
}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.function.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_lambda_layer_version" "words" {
  layer_name          = "pipeline-words"
  filename            = "${var.folder}/layer.zip"
  source_code_hash    = filebase64sha256("${var.folder}/layer.zip")
  compatible_runtimes = ["python3.12", "python3.13"]
  description         = "Words"
  license_info        = "MIT"
}

resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/pipeline-work"
  retention_in_days = var.turn == 1 ? 7 : 14
  tags              = { turn = var.turn }
}

resource "aws_lambda_function" "work" {
  function_name     = "pipeline-work"
  description       = "Turn ${var.turn}"
  role              = aws_iam_role.function.arn
  runtime           = "python3.12"
  handler           = "index.handler"
  s3_bucket         = aws_s3_bucket.data.id
  s3_key            = aws_s3_object.code.key
  s3_object_version = aws_s3_object.code.version_id
  layers            = [aws_lambda_layer_version.words.arn]
  publish           = true
  memory_size       = 128 * var.turn
  timeout           = 10 * var.turn
  architectures     = ["x86_64"]
  tags              = { turn = var.turn }

  environment {
    variables = { TURN = var.turn }
  }

  ephemeral_storage {
    size = 1024
  }

  dead_letter_config {
    target_arn = aws_sqs_queue.dead.arn
  }

  tracing_config {
    mode = "Active"
  }

  depends_on = [aws_iam_role_policy.dead_letters, aws_cloudwatch_log_group.function]
}

resource "aws_iam_role_policy" "dead_letters" {
  name = "dead-letters"
  role = aws_iam_role.function.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sqs:SendMessage", Resource = aws_sqs_queue.dead.arn }]
  })
}

resource "aws_lambda_function" "plain" {
  function_name = "pipeline-plain"
  role          = aws_iam_role.function.arn
  runtime       = "nodejs22.x"
  handler       = "index.handler"
  filename      = "${var.folder}/code.zip"
}

resource "aws_lambda_permission" "bucket" {
  statement_id   = "bucket-${var.turn}"
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.work.function_name
  principal      = "s3.amazonaws.com"
  source_arn     = aws_s3_bucket.data.arn
  source_account = data.aws_caller_identity.me.account_id
}

resource "aws_lambda_permission" "api" {
  statement_id  = "api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.work.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.api.execution_arn}/*"
}

resource "aws_lambda_event_source_mapping" "work" {
  event_source_arn                   = aws_sqs_queue.work.arn
  function_name                      = aws_lambda_function.work.arn
  batch_size                         = 5 * var.turn
  maximum_batching_window_in_seconds = var.turn
  function_response_types            = ["ReportBatchItemFailures"]
  enabled                            = true

  scaling_config {
    maximum_concurrency = 2
  }

  filter_criteria {
    filter {
      pattern = jsonencode({ body = { turn = [{ numeric = ["=", var.turn] }] } })
    }
  }

  depends_on = [aws_iam_role_policy.function]
}

resource "aws_dynamodb_table" "fixed" {
  name           = "pipeline-fixed"
  billing_mode   = "PROVISIONED"
  read_capacity  = 5 * var.turn
  write_capacity = 5
  hash_key       = "id"
  range_key      = "at"
  tags           = { turn = var.turn }

  attribute {
    name = "id"
    type = "S"
  }
  attribute {
    name = "at"
    type = "N"
  }
  attribute {
    name = "city"
    type = "S"
  }

  global_secondary_index {
    name            = "by-city"
    hash_key        = "city"
    range_key       = "at"
    projection_type = "ALL"
    read_capacity   = 2 * var.turn
    write_capacity  = 2
  }

  local_secondary_index {
    name               = "by-own-city"
    range_key          = "city"
    projection_type    = "INCLUDE"
    non_key_attributes = ["title"]
  }

  ttl {
    attribute_name = "expires"
    enabled        = true
  }
}

resource "aws_dynamodb_table" "on_demand" {
  name         = "pipeline-on-demand"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "B"
  }
}

resource "aws_apigatewayv2_api" "api" {
  name          = "pipeline"
  protocol_type = "HTTP"
  description   = "Turn ${var.turn}"
  tags          = { turn = var.turn }

  cors_configuration {
    allow_origins  = ["https://example.com"]
    allow_methods  = ["GET", "POST"]
    allow_headers  = ["content-type", "x-turn-${var.turn}"]
    expose_headers = ["x-request-id"]
    max_age        = 300
  }
}

resource "aws_apigatewayv2_integration" "first" {
  api_id                 = aws_apigatewayv2_api.api.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.work.invoke_arn
  payload_format_version = "1.0"
  timeout_milliseconds   = 20000 + var.turn
}

resource "aws_apigatewayv2_integration" "second" {
  api_id                 = aws_apigatewayv2_api.api.id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = aws_lambda_function.work.invoke_arn
  payload_format_version = "2.0"
  request_parameters     = { "overwrite:path" = "/turn/${var.turn}" }
}

resource "aws_apigatewayv2_route" "first" {
  api_id    = aws_apigatewayv2_api.api.id
  route_key = "GET /first/{id}"
  target    = "integrations/${aws_apigatewayv2_integration.first.id}"
}

resource "aws_apigatewayv2_route" "rest" {
  api_id         = aws_apigatewayv2_api.api.id
  route_key      = "$default"
  operation_name = "Turn${var.turn}"
  target         = "integrations/${aws_apigatewayv2_integration.second.id}"
}

resource "aws_apigatewayv2_deployment" "first" {
  api_id      = aws_apigatewayv2_api.api.id
  description = "Turn ${var.turn}"

  depends_on = [aws_apigatewayv2_route.first, aws_apigatewayv2_route.rest]
}

resource "aws_cloudwatch_log_group" "api" {
  name = "/pipeline/api"
}

resource "aws_apigatewayv2_stage" "fixed" {
  api_id          = aws_apigatewayv2_api.api.id
  name            = "fixed"
  deployment_id   = aws_apigatewayv2_deployment.first.id
  stage_variables = { turn = var.turn }
  tags            = { turn = var.turn }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.api.arn
    format          = "$context.requestId $context.status turn-${var.turn}"
  }

  default_route_settings {
    throttling_burst_limit = 10 * var.turn
    throttling_rate_limit  = 5
  }
}

resource "aws_apigatewayv2_stage" "auto" {
  api_id      = aws_apigatewayv2_api.api.id
  name        = "$default"
  auto_deploy = true
}

output "ids" {
  value = {
    api         = aws_apigatewayv2_api.api.id
    integration = aws_apigatewayv2_integration.first.id
    route       = aws_apigatewayv2_route.first.id
    deployment  = aws_apigatewayv2_deployment.first.id
    mapping     = aws_lambda_event_source_mapping.work.uuid
    queue       = aws_sqs_queue.work.url
    policy      = aws_iam_policy.own.arn
    layer       = aws_lambda_layer_version.words.arn
  }
}
