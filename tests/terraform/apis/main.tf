# Every kind of resource of HTTP APIs and of logs that the pipeline has no use for.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

provider "aws" {
  region = "eu-west-1"
}

variable "folder" {
  description = "Where code.zip is"
}

variable "backend" {
  description = "Where an HTTP backend listens"
}

# What the second apply changes, of each kind of resource.
variable "turn" {
  type    = number
  default = 1
}

resource "aws_iam_role" "function" {
  name = "apis-function"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_lambda_function" "judge" {
  function_name = "apis-judge"
  filename      = "${var.folder}/code.zip"
  handler       = "index.handler"
  runtime       = "python3.11"
  role          = aws_iam_role.function.arn
}

resource "aws_lambda_permission" "anyone" {
  for_each      = toset(["apigateway.amazonaws.com", "logs.amazonaws.com"])
  function_name = aws_lambda_function.judge.function_name
  action        = "lambda:InvokeFunction"
  principal     = each.value
}

resource "aws_apigatewayv2_api" "api" {
  name          = "apis"
  protocol_type = "HTTP"
  description   = "turn ${var.turn}"
  version       = "v${var.turn}"
  cors_configuration {
    allow_origins = ["https://a.example"]
    allow_methods = ["GET", "POST"]
    allow_headers = ["x-turn-${var.turn}"]
    max_age       = 60
  }
  tags = { turn = var.turn }
}

resource "aws_apigatewayv2_authorizer" "judge" {
  api_id                            = aws_apigatewayv2_api.api.id
  name                              = "judge-${var.turn}"
  authorizer_type                   = "REQUEST"
  authorizer_uri                    = aws_lambda_function.judge.invoke_arn
  identity_sources                  = ["$request.header.token"]
  authorizer_payload_format_version = "2.0"
  enable_simple_responses           = true
}

resource "aws_apigatewayv2_authorizer" "tokens" {
  api_id           = aws_apigatewayv2_api.api.id
  name             = "tokens"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]
  jwt_configuration {
    audience = ["app-${var.turn}"]
    issuer   = "https://issuer.example"
  }
}

resource "aws_apigatewayv2_integration" "backend" {
  api_id             = aws_apigatewayv2_api.api.id
  integration_type   = "HTTP_PROXY"
  integration_method = "ANY"
  integration_uri    = "${var.backend}/{proxy}"
  request_parameters = merge(
    { "append:header.x-turn" = var.turn },
    var.turn == 1 ? { "overwrite:header.x-gone" = "soon" } : {},
  )
  response_parameters {
    status_code = 418
    mappings    = { "overwrite:statuscode" = "201" }
  }
  # The provider cannot change the mappings of a status: it deletes them.
  response_parameters {
    status_code = "50${var.turn}"
    mappings    = { "append:header.x-turn" = var.turn }
  }
  timeout_milliseconds = 1000 * var.turn
}

resource "aws_apigatewayv2_route" "judged" {
  api_id             = aws_apigatewayv2_api.api.id
  route_key          = "ANY /judged/{proxy+}"
  target             = "integrations/${aws_apigatewayv2_integration.backend.id}"
  authorization_type = "CUSTOM"
  authorizer_id      = aws_apigatewayv2_authorizer.judge.id
  operation_name     = "Turn${var.turn}"
}

resource "aws_apigatewayv2_route" "tokens" {
  api_id               = aws_apigatewayv2_api.api.id
  route_key            = "GET /tokens/{proxy+}"
  target               = "integrations/${aws_apigatewayv2_integration.backend.id}"
  authorization_type   = "JWT"
  authorizer_id        = aws_apigatewayv2_authorizer.tokens.id
  authorization_scopes = ["turn-${var.turn}"]
}

resource "aws_apigatewayv2_model" "pet" {
  api_id       = aws_apigatewayv2_api.api.id
  name         = "Pet"
  content_type = "application/json"
  schema       = jsonencode({ title = "pet ${var.turn}", type = "object" })
}

resource "aws_apigatewayv2_deployment" "first" {
  api_id      = aws_apigatewayv2_api.api.id
  description = "turn ${var.turn}"
  depends_on  = [aws_apigatewayv2_route.judged, aws_apigatewayv2_route.tokens]
}

resource "aws_apigatewayv2_stage" "fixed" {
  api_id        = aws_apigatewayv2_api.api.id
  name          = "fixed"
  deployment_id = aws_apigatewayv2_deployment.first.id
  stage_variables = {
    turn = var.turn
  }
  default_route_settings {
    throttling_burst_limit = 100 * var.turn
    throttling_rate_limit  = 50
  }
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.calls.arn
    format          = "$context.status turn ${var.turn}"
  }
}

resource "aws_apigatewayv2_stage" "following" {
  api_id      = aws_apigatewayv2_api.api.id
  name        = "$default"
  auto_deploy = true
  tags        = { turn = var.turn }
}

resource "aws_apigatewayv2_domain_name" "shop" {
  domain_name = "shop.example.com"
  domain_name_configuration {
    certificate_arn = "arn:aws:acm:eu-west-1:000000000000:certificate/c"
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
  tags = { turn = var.turn }
}

resource "aws_apigatewayv2_api_mapping" "shop" {
  api_id          = aws_apigatewayv2_api.api.id
  domain_name     = aws_apigatewayv2_domain_name.shop.id
  stage           = aws_apigatewayv2_stage.following.id
  api_mapping_key = "v${var.turn}"
}

resource "aws_apigatewayv2_api" "imported" {
  name          = "imported"
  protocol_type = "HTTP"
  version       = "1.0" # the provider takes the document's for its own
  body = jsonencode({
    openapi = "3.0.1"
    info    = { title = "imported", version = "1.0" }
    paths = {
      "/turn-${var.turn}" = {
        get = {
          x-amazon-apigateway-integration = {
            type                 = "HTTP_PROXY"
            httpMethod           = "GET"
            payloadFormatVersion = "1.0"
            uri                  = var.backend
          }
        }
      }
    }
  })
}

resource "aws_cloudwatch_log_group" "calls" {
  name              = "/apis/calls"
  retention_in_days = 7 * var.turn
  tags              = { turn = var.turn }
}

resource "aws_cloudwatch_log_stream" "calls" {
  name           = "own"
  log_group_name = aws_cloudwatch_log_group.calls.name
}

resource "aws_cloudwatch_log_metric_filter" "errors" {
  name           = "errors"
  log_group_name = aws_cloudwatch_log_group.calls.name
  pattern        = "{ $.status = 50${var.turn} }"
  metric_transformation {
    name      = "Errors"
    namespace = "Apis"
    value     = "1"
  }
}

resource "aws_cloudwatch_log_subscription_filter" "calls" {
  name            = "calls"
  log_group_name  = aws_cloudwatch_log_group.calls.name
  filter_pattern  = "turn-${var.turn}" == "turn-1" ? "" : "ERROR"
  destination_arn = aws_lambda_function.judge.arn
  depends_on      = [aws_lambda_permission.anyone]
}

resource "aws_cloudwatch_log_resource_policy" "writers" {
  policy_name = "writers"
  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Turn${var.turn}"
      Effect    = "Allow"
      Principal = { Service = "es.amazonaws.com" }
      Action    = ["logs:PutLogEvents", "logs:CreateLogStream"]
      Resource  = "arn:aws:logs:*"
    }]
  })
}

output "ids" {
  value = {
    api         = aws_apigatewayv2_api.api.id
    imported    = aws_apigatewayv2_api.imported.id
    authorizer  = aws_apigatewayv2_authorizer.judge.id
    integration = aws_apigatewayv2_integration.backend.id
    route       = aws_apigatewayv2_route.tokens.id
    model       = aws_apigatewayv2_model.pet.id
    deployment  = aws_apigatewayv2_deployment.first.id
    mapping     = aws_apigatewayv2_api_mapping.shop.id
  }
}
