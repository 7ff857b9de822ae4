"""The sample shop: a small storefront that reports through a browser SDK and greets each visitor by lifecycle stage."""
