"""Images, folders of images and videos to label maps and overlays."""
