//! `#[derive(Shape)]`: see `pilvi_model::shape`.

use proc_macro::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields, LitStr, parse_macro_input};

/// Derives `pilvi_model::Shape` for a struct with named fields.
///
/// `#[shape(rename_all = "camelCase")]` on the struct, `#[shape(name = "…")]` and `#[shape(default)]` on a field.
#[proc_macro_derive(Shape, attributes(shape))]
pub fn derive_shape(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

fn expand(input: &DeriveInput) -> syn::Result<proc_macro2::TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new_spanned(&input.ident, "Shape can be derived for structs only"));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(syn::Error::new_spanned(&input.ident, "Shape needs named fields"));
    };
    let mut camel_case = false;
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("shape")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("rename_all") {
                return Err(meta.error("expected `rename_all`"));
            }
            let rule: LitStr = meta.value()?.parse()?;
            camel_case = match rule.value().as_str() {
                "camelCase" => true,
                "PascalCase" => false,
                _ => return Err(meta.error("expected \"camelCase\" or \"PascalCase\"")),
            };
            Ok(())
        })?;
    }

    let type_name = &input.ident;
    let mut reads = Vec::new();
    let mut writes = Vec::new();
    let mut descriptions = Vec::new();
    for field in &fields.named {
        let Some(ident) = &field.ident else { continue };
        let field_type = &field.ty;
        let mut name = member_name(&ident.to_string(), camel_case);
        let mut default = false;
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("shape")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("name") {
                    name = meta.value()?.parse::<LitStr>()?.value();
                } else if meta.path.is_ident("default") {
                    default = true;
                } else {
                    return Err(meta.error("expected `name` or `default`"));
                }
                Ok(())
            })?;
        }
        reads.push(if default {
            quote!(#ident: ::pilvi_model::shape::member::<Option<#field_type>>(&mut members, #name)?.unwrap_or_default())
        } else {
            quote!(#ident: ::pilvi_model::shape::member(&mut members, #name)?)
        });
        writes.push(quote!(::pilvi_model::shape::push_member(&mut members, #name, self.#ident);));
        descriptions.push(quote!(::pilvi_model::shape::MemberDesc {
            name: #name,
            required: !#default && !<#field_type as ::pilvi_model::Shape>::optional(),
            desc: <#field_type as ::pilvi_model::Shape>::describe,
        }));
    }
    let count = writes.len();
    Ok(quote! {
        impl ::pilvi_model::Shape for #type_name {
            #[allow(unused_mut, unused_variables)]
            fn from_val(val: ::pilvi_model::Val) -> ::core::result::Result<Self, ::pilvi_model::ShapeError> {
                let mut members = ::pilvi_model::shape::members(val)?;
                Ok(Self { #(#reads),* })
            }
            #[allow(unused_mut)]
            fn into_val(self) -> ::pilvi_model::Val {
                let mut members = ::std::vec::Vec::with_capacity(#count);
                #(#writes)*
                ::pilvi_model::Val::Struct(members)
            }
            fn describe() -> ::pilvi_model::Desc {
                ::pilvi_model::Desc::Struct(::std::vec![#(#descriptions),*])
            }
        }
    })
}

/// `queue_url` → `QueueUrl`, or `queueUrl` in camel case.
fn member_name(field: &str, camel_case: bool) -> String {
    let field = field.trim_start_matches("r#");
    let mut name = String::with_capacity(field.len());
    let mut upper = !camel_case;
    for letter in field.chars() {
        if letter == '_' {
            upper = true;
        } else if upper {
            name.extend(letter.to_uppercase());
            upper = false;
        } else {
            name.push(letter);
        }
    }
    name
}
