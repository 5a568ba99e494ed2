//! Who may: the evaluation of IAM policies, pure.
