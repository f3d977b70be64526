"""What finished trials say about the search itself: surrogates, hyper-parameters, subgraphs, smaller spaces."""
