"""What extraction does when something fails: each test injects one failure, and checks that nothing is lost."""
