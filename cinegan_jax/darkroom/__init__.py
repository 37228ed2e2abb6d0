"""The look on files and folders of photographs."""
