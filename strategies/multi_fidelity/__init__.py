"""Multi-fidelity search: strategies that train many architectures a little and few of them fully."""
