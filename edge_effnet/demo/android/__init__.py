"""The Android demo with the user's own model in it: an APK, a Gradle project, or both."""
