"""What a study is and how studies and trials live: the specification, the states, the transitions."""
