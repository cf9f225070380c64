"""Formats of landmarks and of annotation tools: `.pts`, COCO keypoints, Label Studio."""
