"""Datasets: folders of images and label maps, in our layout or a public one."""
