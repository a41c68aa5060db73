"""Graph networks: learners that read architectures as graphs, those of many tasks trained side by side."""
