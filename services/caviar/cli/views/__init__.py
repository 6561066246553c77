"""What the terminal shows: functions from the API's views to rich renderables. They fetch nothing."""
