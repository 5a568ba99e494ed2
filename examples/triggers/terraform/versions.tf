terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

# Where the cloud is comes from AWS_ENDPOINT_URL, see `pilvi env`.
provider "aws" {
  region            = "ap-south-1"
  s3_use_path_style = true
}
