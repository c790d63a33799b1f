"""The dialect of Google's generateContent."""
