# A CSV put into the bucket starts a function, which sends a message for each row to a queue; a second function writes them to
# a table; a third serves them over an HTTP API.

locals {
  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
  logs_policy = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

resource "aws_s3_bucket" "s3_job_offer_bucket" {
  bucket        = "job-offers-${var.suffix}"
  force_destroy = true
}

resource "aws_s3_object" "job_offers" {
  bucket = aws_s3_bucket.s3_job_offer_bucket.id
  key    = "job_offers/"
}

resource "aws_sqs_queue" "job_offers_queue_deadletter" {
  name = "job-offers-queue-deadletter"
}

resource "aws_sqs_queue" "job_offers_queue" {
  name = "job-offers-queue"
  # A message may not come back while a function is still at it: at least the function's timeout.
  visibility_timeout_seconds = 900
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.job_offers_queue_deadletter.arn
    maxReceiveCount     = 4
  })
}

resource "aws_dynamodb_table" "job-table" {
  name           = "job-table"
  billing_mode   = "PROVISIONED"
  read_capacity  = 5
  write_capacity = 5
  hash_key       = "id"
  range_key      = "city"

  attribute {
    name = "id"
    type = "S"
  }

  attribute {
    name = "city"
    type = "S"
  }
}

# The producer: from the bucket to the queue.

resource "aws_iam_role" "s3_to_sqs_lambda_role" {
  name               = "s3_to_sqs_lambda_role"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "s3_to_sqs_read" {
  role = aws_iam_role.s3_to_sqs_lambda_role.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:*", Resource = "${aws_s3_bucket.s3_job_offer_bucket.arn}/*" }]
  })
}

resource "aws_iam_role_policy" "s3_to_sqs_send" {
  role = aws_iam_role.s3_to_sqs_lambda_role.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sqs:SendMessage", Resource = aws_sqs_queue.job_offers_queue.arn }]
  })
}

resource "aws_iam_role_policy_attachment" "s3_to_sqs_logs" {
  role       = aws_iam_role.s3_to_sqs_lambda_role.name
  policy_arn = local.logs_policy
}

resource "aws_lambda_function" "s3_to_sqs_lambda" {
  function_name    = "s3_to_sqs_lambda"
  role             = aws_iam_role.s3_to_sqs_lambda_role.arn
  runtime          = "nodejs18.x"
  handler          = "index.handler"
  filename         = "${var.packages}/s3_to_sqs_lambda.zip"
  source_code_hash = filebase64sha256("${var.packages}/s3_to_sqs_lambda.zip")
  memory_size      = var.memory_size
  timeout          = 900

  environment {
    variables = {
      QUEUE_URL = aws_sqs_queue.job_offers_queue.url
    }
  }
}

resource "aws_lambda_permission" "allow_bucket" {
  statement_id  = "AllowExecutionFromS3Bucket"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.s3_to_sqs_lambda.function_name
  principal     = "s3.amazonaws.com"
  source_arn    = aws_s3_bucket.s3_job_offer_bucket.arn
}

resource "aws_s3_bucket_notification" "csv" {
  bucket = aws_s3_bucket.s3_job_offer_bucket.id

  lambda_function {
    lambda_function_arn = aws_lambda_function.s3_to_sqs_lambda.arn
    events              = ["s3:ObjectCreated:*"]
    filter_prefix       = aws_s3_object.job_offers.key
    filter_suffix       = ".csv"
  }

  depends_on = [aws_lambda_permission.allow_bucket]
}

# The consumer: from the queue to the table.

resource "aws_iam_role" "sqs_to_dynamo_lambda_role" {
  name               = "sqs_to_dynamo_lambda_role"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "sqs_to_dynamo_receive" {
  role = aws_iam_role.sqs_to_dynamo_lambda_role.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
      Resource = aws_sqs_queue.job_offers_queue.arn
    }]
  })
}

resource "aws_iam_role_policy" "sqs_to_dynamo_put" {
  role = aws_iam_role.sqs_to_dynamo_lambda_role.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "dynamodb:PutItem", Resource = aws_dynamodb_table.job-table.arn }]
  })
}

resource "aws_iam_role_policy_attachment" "sqs_to_dynamo_logs" {
  role       = aws_iam_role.sqs_to_dynamo_lambda_role.name
  policy_arn = local.logs_policy
}

resource "aws_lambda_function" "sqs_to_dynamo_lambda" {
  function_name    = "sqs_to_dynamo_lambda"
  role             = aws_iam_role.sqs_to_dynamo_lambda_role.arn
  runtime          = "nodejs18.x"
  handler          = "index.handler"
  filename         = "${var.packages}/sqs_to_dynamo_lambda.zip"
  source_code_hash = filebase64sha256("${var.packages}/sqs_to_dynamo_lambda.zip")
  memory_size      = 512
  timeout          = 900

  environment {
    variables = {
      TABLE_NAME = aws_dynamodb_table.job-table.name
    }
  }
}

resource "aws_lambda_permission" "allow_queue" {
  statement_id  = "AllowExecutionFromSQS"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.sqs_to_dynamo_lambda.function_name
  principal     = "sqs.amazonaws.com"
  source_arn    = aws_sqs_queue.job_offers_queue.arn
}

resource "aws_lambda_event_source_mapping" "queue" {
  event_source_arn = aws_sqs_queue.job_offers_queue.arn
  function_name    = aws_lambda_function.sqs_to_dynamo_lambda.function_name
}

# The API over the table.

resource "aws_iam_role" "job_api_lambda_role" {
  name               = "job_api_lambda_role"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "job_api_table" {
  role = aws_iam_role.job_api_lambda_role.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "dynamodb:*", Resource = aws_dynamodb_table.job-table.arn }]
  })
}

resource "aws_iam_role_policy_attachment" "job_api_logs" {
  role       = aws_iam_role.job_api_lambda_role.name
  policy_arn = local.logs_policy
}

resource "aws_lambda_function" "job_api_lambda" {
  function_name    = "job_api_lambda"
  role             = aws_iam_role.job_api_lambda_role.arn
  runtime          = "nodejs18.x"
  handler          = "index.handler"
  filename         = "${var.packages}/job_api_lambda.zip"
  source_code_hash = filebase64sha256("${var.packages}/job_api_lambda.zip")
  memory_size      = 512
  timeout          = 30

  environment {
    variables = {
      TABLE_NAME = aws_dynamodb_table.job-table.name
    }
  }
}

resource "aws_lambda_permission" "allow_api" {
  statement_id  = "AllowExecutionFromAPIGateway"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.job_api_lambda.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.job_api_gw.execution_arn}/*/*"
}

resource "aws_cloudwatch_log_group" "api_gw" {
  name              = "/aws/api_gw/${aws_apigatewayv2_api.job_api_gw.name}"
  retention_in_days = 30
}

resource "aws_apigatewayv2_api" "job_api_gw" {
  name          = "job_api_gw"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_stage" "job_api_gw_dev_stage" {
  api_id      = aws_apigatewayv2_api.job_api_gw.id
  name        = "dev"
  auto_deploy = true

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.api_gw.arn

    format = jsonencode({
      requestId               = "$context.requestId"
      sourceIp                = "$context.identity.sourceIp"
      requestTime             = "$context.requestTime"
      protocol                = "$context.protocol"
      httpMethod              = "$context.httpMethod"
      resourcePath            = "$context.resourcePath"
      routeKey                = "$context.routeKey"
      status                  = "$context.status"
      responseLength          = "$context.responseLength"
      integrationErrorMessage = "$context.integrationErrorMessage"
    })
  }
}

resource "aws_apigatewayv2_integration" "job_api_gw_integration" {
  api_id                 = aws_apigatewayv2_api.job_api_gw.id
  integration_uri        = aws_lambda_function.job_api_lambda.invoke_arn
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  payload_format_version = "2.0"

  request_parameters = {
    "overwrite:path" = "$request.path"
  }
}

resource "aws_apigatewayv2_route" "job_api_gw_route" {
  api_id    = aws_apigatewayv2_api.job_api_gw.id
  route_key = "ANY /{proxy+}"
  target    = "integrations/${aws_apigatewayv2_integration.job_api_gw_integration.id}"
}
