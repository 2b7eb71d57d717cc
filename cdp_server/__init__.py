"""The collector: takes events over HTTP, and answers once they are in a file that the pipeline will find.

It imports no asset and opens no lake, so that it is up while the pipeline is down.
"""
